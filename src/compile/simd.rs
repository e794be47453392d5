//! The few operations that SIMD does better, behind one trait; the only module with `unsafe` code.
//!
//! Each implementation of [`Kernel`] is a token. The tokens of AVX2 and AVX-512 have a private field and are made in
//! one place, [`run`], after the processor was asked; whoever holds one may therefore use its instructions. Every
//! operation has a portable form with the same results ([`Portable`]), and tests compare them.
//!
//! Lookups are generic over the kernel and always inlined into a function that enables its features, so that the
//! operations below become single instructions inside the loops.
#![allow(unsafe_code)]

use super::five_tuple::{FiveTuple, Line};

/// Which instructions lookups use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Path {
    /// What every processor has.
    Portable,
    /// AVX2, BMI1 and BMI2 (`x86_64`).
    Avx2,
    /// AVX-512 F, BW, DQ and VL with BMI1 and BMI2 (`x86_64`).
    Avx512,
}

impl Path {
    /// All paths, slowest first.
    pub const ALL: [Self; 3] = [Self::Portable, Self::Avx2, Self::Avx512];

    /// The best path of this processor.
    pub fn best() -> Self {
        Self::ALL.into_iter().rev().find(|path| path.is_available()).unwrap_or(Self::Portable)
    }

    /// Whether this processor can take it.
    pub fn is_available(self) -> bool {
        match self {
            Self::Portable => true,
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => x86::Avx2::detect().is_some(),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => x86::Avx512::detect().is_some(),
            #[cfg(not(target_arch = "x86_64"))]
            Self::Avx2 | Self::Avx512 => false,
        }
    }
}

/// Work that is generic over the instructions it uses.
pub(in crate::compile) trait Task {
    /// Does the work. Implementations are `#[inline(always)]`.
    fn run<K: Kernel>(self, kernel: K);
}

/// The operations.
pub(in crate::compile) trait Kernel: Copy {
    /// Whether [`Self::extract`] is one instruction.
    const EXTRACTS: bool;
    /// The bits of `key` at the ones of `mask`, moved together at the low end.
    fn extract(self, key: u64, mask: u64) -> u64;
    /// Which places of the line match the header; as [`Line::compare`].
    fn compare(self, line: &Line, header: &FiveTuple) -> u32;
    /// How many of the ascending keys are below `x`; the last key is never below.
    fn count_below(self, keys: &Keys, x: u32) -> u32;
    /// For each number, how many of the root's keys are below it.
    fn parts(self, root: &Root, numbers: &[u32; LANES]) -> [u32; LANES];
}

/// Numbers that are searched together.
pub(in crate::compile) const LANES: usize = 16;

/// The root of a search tree: 63 ascending keys and one that is never below, and every eighth of them again.
#[derive(Debug, Clone, Copy)]
#[repr(C, align(64))]
pub(in crate::compile) struct Root {
    keys: [[u32; 8]; 8],
    eighths: [u32; 8],
}

impl Root {
    /// The root of these keys, ascending; the last is replaced by the highest number.
    pub(in crate::compile) fn new(mut keys: [u32; 64]) -> Self {
        keys[63] = u32::MAX;
        let keys: [[u32; 8]; 8] = std::array::from_fn(|at| std::array::from_fn(|k| keys[at * 8 + k]));
        Self { keys, eighths: keys.map(|eighth| eighth[7]) }
    }
}

/// One node of a search tree: a cache line of ascending keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C, align(64))]
pub(in crate::compile) struct Keys(pub(in crate::compile) [u32; 16]);

/// Runs the task on this path, or on the portable one where the processor lacks it.
pub(in crate::compile) fn run(path: Path, task: impl Task) {
    #[cfg(target_arch = "x86_64")]
    {
        if path == Path::Avx512
            && let Some(kernel) = x86::Avx512::detect()
        {
            return kernel.run(task);
        }
        if path >= Path::Avx2
            && let Some(kernel) = x86::Avx2::detect()
        {
            return kernel.run(task);
        }
    }
    let _ = path;
    task.run(Portable);
}

/// Plain Rust.
#[derive(Debug, Clone, Copy)]
pub(in crate::compile) struct Portable;

impl Kernel for Portable {
    const EXTRACTS: bool = false;

    #[inline(always)]
    fn extract(self, key: u64, mut mask: u64) -> u64 {
        let (mut bits, mut at) = (0, 0);
        while mask != 0 {
            bits |= (key >> mask.trailing_zeros() & 1) << at;
            at += 1;
            mask &= mask - 1;
        }
        bits
    }

    #[inline(always)]
    fn compare(self, line: &Line, header: &FiveTuple) -> u32 {
        line.compare(header)
    }

    #[inline(always)]
    fn count_below(self, keys: &Keys, x: u32) -> u32 {
        let mut at = 0;
        for step in [8, 4, 2, 1] {
            at += step * usize::from(keys.0[(at + step - 1) & 15] < x);
        }
        at as u32
    }

    #[inline(always)]
    fn parts(self, root: &Root, numbers: &[u32; LANES]) -> [u32; LANES] {
        let keys = root.keys.as_flattened();
        let mut parts = [0; LANES];
        for (part, &x) in parts.iter_mut().zip(numbers) {
            let mut at = 0;
            for step in [32, 16, 8, 4, 2, 1] {
                at += step * usize::from(keys[(at + step - 1) & 63] < x);
            }
            *part = at as u32;
        }
        parts
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::is_x86_feature_detected as has;
    use std::arch::x86_64::{
        __m128i, __m256i, __m512i, _mm256_and_si256, _mm256_blend_epi32, _mm256_broadcastsi128_si256,
        _mm256_castsi256_pd, _mm256_castsi256_ps, _mm256_cmpeq_epi32, _mm256_cmpeq_epi64, _mm256_max_epu32,
        _mm256_movemask_pd, _mm256_movemask_ps, _mm256_set1_epi32, _mm256_setzero_si256, _mm256_sub_epi16,
        _mm256_subs_epu16, _mm256_ternarylogic_epi32, _mm256_testn_epi64_mask, _mm256_xor_si256,
        _mm512_add_epi32, _mm512_cmplt_epu32_mask, _mm512_mask_add_epi32, _mm512_mask_blend_epi32,
        _mm512_maskz_set1_epi32, _mm512_permutex2var_epi32, _mm512_permutexvar_epi32, _mm512_set1_epi32,
        _pext_u64,
    };

    use super::{FiveTuple, Kernel, Keys, LANES, Line, Root, Task};

    /// Proof that the processor has AVX2, BMI1 and BMI2.
    #[derive(Debug, Clone, Copy)]
    pub(super) struct Avx2(());

    /// Proof that the processor has AVX-512 F, BW, DQ and VL, and what [`Avx2`] proves.
    #[derive(Debug, Clone, Copy)]
    pub(super) struct Avx512(());

    /// A place matches when both halves of it do: bits 0 and 1 to bit 0, bits 2 and 3 to bit 2.
    #[inline(always)]
    const fn places(halves: u32) -> u32 {
        halves & halves >> 1 & 0b101
    }

    /// The two halves of a line as vectors.
    #[inline(always)]
    fn halves(line: &Line) -> (__m256i, __m256i) {
        // SAFETY: both arrays are 32 bytes of plain integers, and so is `__m256i`, for which every bit pattern is
        // valid. Copying by value asks for no alignment.
        unsafe { (std::mem::transmute_copy(&line.value), std::mem::transmute_copy(&line.mask)) }
    }

    /// The header as a vector.
    #[inline(always)]
    fn words(header: &FiveTuple) -> __m128i {
        // SAFETY: `FiveTuple` is 16 bytes of plain integers without padding, and every bit pattern is an `__m128i`.
        unsafe { std::mem::transmute_copy(header) }
    }

    impl Avx2 {
        #[inline]
        pub(super) fn detect() -> Option<Self> {
            (has!("avx2") && has!("bmi1") && has!("bmi2") && has!("popcnt")).then_some(Self(()))
        }

        #[inline]
        pub(super) fn run(self, task: impl Task) {
            #[target_feature(enable = "avx2,bmi1,bmi2,popcnt")]
            fn inner(kernel: Avx2, task: impl Task) {
                task.run(kernel);
            }
            // SAFETY: `self` proves that the processor has the features `inner` is compiled for.
            unsafe { inner(self, task) }
        }
    }

    impl Avx2 {
        /// Bits of the keys that are at least `x`.
        #[inline(always)]
        #[allow(clippy::unused_self, reason = "the token is the proof")]
        fn not_below(self, keys: &[u32; 8], x: u32) -> u32 {
            // SAFETY: the keys are 32 bytes of plain integers, and every bit pattern is an `__m256i`. `self` proves
            // AVX2; the instructions work on registers only.
            unsafe {
                let keys: __m256i = std::mem::transmute_copy(keys);
                let hits =
                    _mm256_cmpeq_epi32(_mm256_max_epu32(keys, _mm256_set1_epi32(x.cast_signed())), keys);
                _mm256_movemask_ps(_mm256_castsi256_ps(hits)).cast_unsigned()
            }
        }
    }

    impl Kernel for Avx2 {
        const EXTRACTS: bool = true;

        #[inline(always)]
        fn extract(self, key: u64, mask: u64) -> u64 {
            // SAFETY: `self` proves BMI2.
            unsafe { _pext_u64(key, mask) }
        }

        #[inline(always)]
        fn compare(self, line: &Line, header: &FiveTuple) -> u32 {
            let (value, mask) = halves(line);
            // SAFETY: `self` proves AVX2; the instructions work on registers only.
            unsafe {
                let header = _mm256_broadcastsi128_si256(words(header));
                let bits = _mm256_and_si256(_mm256_xor_si256(header, value), mask);
                let ports = _mm256_subs_epu16(_mm256_sub_epi16(header, value), mask);
                let misses = _mm256_blend_epi32::<0b0100_0100>(bits, ports);
                let hits = _mm256_cmpeq_epi64(misses, _mm256_setzero_si256());
                places(_mm256_movemask_pd(_mm256_castsi256_pd(hits)).cast_unsigned())
            }
        }

        #[inline(always)]
        fn count_below(self, keys: &Keys, x: u32) -> u32 {
            // SAFETY: `Keys` is 64 bytes of plain integers: two arrays of eight.
            let [low, high]: [[u32; 8]; 2] = unsafe { std::mem::transmute_copy(keys) };
            (self.not_below(&low, x) | self.not_below(&high, x) << 8).trailing_zeros()
        }

        #[inline(always)]
        fn parts(self, root: &Root, numbers: &[u32; LANES]) -> [u32; LANES] {
            let mut parts = [0; LANES];
            // A loop, not `map`: a closure handed to another function does not get this function's features.
            for (part, &x) in parts.iter_mut().zip(numbers) {
                let eighth = self.not_below(&root.eighths, x).trailing_zeros() & 7;
                *part = eighth * 8 + self.not_below(&root.keys[eighth as usize], x).trailing_zeros();
            }
            parts
        }
    }

    impl Avx512 {
        #[inline]
        pub(super) fn detect() -> Option<Self> {
            let avx512 = has!("avx512f") && has!("avx512bw") && has!("avx512dq") && has!("avx512vl");
            (avx512 && Avx2::detect().is_some()).then_some(Self(()))
        }

        #[inline]
        pub(super) fn run(self, task: impl Task) {
            #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,bmi1,bmi2,popcnt")]
            fn inner(kernel: Avx512, task: impl Task) {
                task.run(kernel);
            }
            // SAFETY: `self` proves that the processor has the features `inner` is compiled for.
            unsafe { inner(self, task) }
        }
    }

    impl Kernel for Avx512 {
        const EXTRACTS: bool = true;

        #[inline(always)]
        fn extract(self, key: u64, mask: u64) -> u64 {
            // SAFETY: `self` proves BMI2.
            unsafe { _pext_u64(key, mask) }
        }

        #[inline(always)]
        fn compare(self, line: &Line, header: &FiveTuple) -> u32 {
            let (value, mask) = halves(line);
            // SAFETY: `self` proves AVX2 and AVX-512 F and VL; the instructions work on registers only.
            unsafe {
                let header = _mm256_broadcastsi128_si256(words(header));
                // (header ^ value) & mask in one instruction: 0x28 is its truth table.
                let bits = _mm256_ternarylogic_epi32::<0x28>(header, value, mask);
                let ports = _mm256_subs_epu16(_mm256_sub_epi16(header, value), mask);
                let misses = _mm256_blend_epi32::<0b0100_0100>(bits, ports);
                places(u32::from(_mm256_testn_epi64_mask(misses, misses)))
            }
        }

        #[inline(always)]
        fn count_below(self, keys: &Keys, x: u32) -> u32 {
            // SAFETY: `Keys` is 64 bytes of plain integers, and every bit pattern is an `__m512i`. `self` proves
            // AVX-512 F; the instructions work on registers only.
            unsafe {
                let keys: __m512i = std::mem::transmute_copy(keys);
                u32::from(_mm512_cmplt_epu32_mask(keys, _mm512_set1_epi32(x.cast_signed()))).count_ones()
            }
        }

        /// A binary search for sixteen numbers at once; the 64 keys lie in four registers.
        #[allow(clippy::many_single_char_names, reason = "four registers and what is compared with them")]
        #[inline(always)]
        fn parts(self, root: &Root, numbers: &[u32; LANES]) -> [u32; LANES] {
            // SAFETY: 64 keys are four `__m512i` of any bits, sixteen numbers one, and the result is sixteen numbers
            // again. `self` proves AVX-512 F; the instructions work on registers only.
            unsafe {
                let [a, b, c, d]: [__m512i; 4] = std::mem::transmute_copy(&root.keys);
                let x: __m512i = std::mem::transmute_copy(numbers);
                let middle = _mm512_permutexvar_epi32(_mm512_set1_epi32(15), b);
                let upper = _mm512_cmplt_epu32_mask(middle, x);
                let mut at = _mm512_maskz_set1_epi32(upper, 32);
                for step in [16, 8, 4, 2, 1] {
                    // Of the index, the permutation looks at the low five bits.
                    let probe = _mm512_add_epi32(at, _mm512_set1_epi32(step - 1));
                    let low = _mm512_permutex2var_epi32(a, probe, b);
                    let key = _mm512_mask_blend_epi32(upper, low, _mm512_permutex2var_epi32(c, probe, d));
                    let below = _mm512_cmplt_epu32_mask(key, x);
                    at = _mm512_mask_add_epi32(at, below, at, _mm512_set1_epi32(step));
                }
                std::mem::transmute_copy(&at)
            }
        }
    }
}
