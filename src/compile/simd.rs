//! The few operations that SIMD does better, behind one trait; the only module with `unsafe` code.
//!
//! Each implementation of [`Kernel`] is a token. The tokens of AVX2 and AVX-512 have a private field and are made in
//! one place, [`run`], after the processor was asked; whoever holds one may therefore use its instructions. Every
//! operation has a portable form with the same results ([`Portable`]), and tests compare them.
//!
//! Lookups are generic over the kernel and always inlined into a function that enables its features, so that the
//! operations below become single instructions inside the loops.
#![allow(unsafe_code)]

use super::five_tuple::{FiveTuple, Found, Line};

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
    /// The better place of the line that matches the header; as [`Line::find`].
    fn find(self, line: &Line, header: &FiveTuple) -> Found;
    /// Where the numbers above the bound (not the highest number) are: their places plus `base`, ascending, in front; how many there are. What
    /// is written behind them is of no use.
    fn above(self, numbers: &[u32; LANES], bound: u32, base: u8, places: &mut [u8; LANES]) -> usize;
    /// How many of the ascending keys are below `x`; the last key is never below.
    fn count_below(self, keys: &Keys, x: u32) -> u32;
    /// For each number, how many of the root's keys are below it.
    fn parts<const LINES: usize>(self, root: &Root<LINES>, numbers: &[u32; LANES]) -> [u32; LANES];
}

/// Numbers that are searched together.
pub(in crate::compile) const LANES: usize = 16;

/// The root of a search tree: 4, 8 or 16 lines of ascending keys, the last of which is never below.
#[derive(Debug, Clone, Copy)]
#[repr(C, align(64))]
pub(in crate::compile) struct Root<const LINES: usize> {
    keys: [Keys; LINES],
    /// The last key of every half line, or of every line where there are more than 16 halves.
    ends: [u32; LANES],
}

impl<const LINES: usize> Root<LINES> {
    /// Keys of which one is the end: as many as 16 ends reach.
    const SPAN: usize = if LINES > LANES / 2 { LANES } else { LANES / 2 };

    /// The root of these keys, by their place; the last is replaced by the highest number.
    pub(in crate::compile) fn new(key: impl Fn(usize) -> u32) -> Self {
        let key = |at| if at + 1 < LINES * LANES { key(at) } else { u32::MAX };
        let keys = std::array::from_fn(|line| Keys(std::array::from_fn(|at| key(line * LANES + at))));
        Self { keys, ends: std::array::from_fn(|at| key((at + 1) * Self::SPAN - 1)) }
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
    fn find(self, line: &Line, header: &FiveTuple) -> Found {
        line.find(header)
    }

    #[inline(always)]
    fn above(self, numbers: &[u32; LANES], bound: u32, base: u8, places: &mut [u8; LANES]) -> usize {
        let mut count = 0;
        for (at, &number) in numbers.iter().enumerate() {
            places[count & (LANES - 1)] = base.wrapping_add(at as u8);
            count += usize::from(number > bound);
        }
        count
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
    fn parts<const LINES: usize>(self, root: &Root<LINES>, numbers: &[u32; LANES]) -> [u32; LANES] {
        let mut parts = [0; LANES];
        for (part, &x) in parts.iter_mut().zip(numbers) {
            let (mut at, mut step) = (0, LINES * LANES / 2);
            while step > 0 {
                let probe = at + step - 1;
                at += step * usize::from(root.keys[(probe / LANES) & (LINES - 1)].0[probe & (LANES - 1)] < x);
                step /= 2;
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
        _mm512_add_epi32, _mm512_cmplt_epu32_mask, _mm512_cvtepi32_epi8, _mm512_mask_add_epi32,
        _mm512_mask_blend_epi32, _mm512_maskz_compress_epi32, _mm512_permutex2var_epi32,
        _mm512_permutexvar_epi32, _mm512_set1_epi32, _mm512_setzero_si512, _pdep_u64, _pext_u64,
    };

    use super::{FiveTuple, Found, Kernel, Keys, LANES, Line, Root, Task};

    /// Proof that the processor has AVX2, BMI1 and BMI2.
    #[derive(Debug, Clone, Copy)]
    pub(super) struct Avx2(());

    /// Proof that the processor has AVX-512 F, BW, DQ and VL, and what [`Avx2`] proves.
    #[derive(Debug, Clone, Copy)]
    pub(super) struct Avx512(());

    /// The values and the masks of a line as vectors.
    #[inline(always)]
    fn halves(line: &Line) -> (__m256i, __m256i) {
        // SAFETY: a line is 64 bytes of plain integers, and so are two `__m256i`, for which every bit pattern is
        // valid. Copying by value asks for no alignment.
        let [value, mask]: [__m256i; 2] = unsafe { std::mem::transmute_copy(line) };
        (value, mask)
    }

    /// The header as a vector.
    #[inline(always)]
    fn words(header: &FiveTuple) -> __m128i {
        // SAFETY: `FiveTuple` is 16 bytes of plain integers without padding, and every bit pattern is an `__m128i`.
        unsafe { std::mem::transmute_copy(header) }
    }

    /// Times a byte: that byte eight times.
    const EACH_BYTE: u64 = 0x0101_0101_0101_0101;

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
        /// The numbers of the ones among the lowest eight bits, a byte each, from the low end.
        #[inline(always)]
        #[allow(clippy::unused_self, reason = "the token is the proof")]
        fn bits(self, mask: u32) -> u64 {
            // SAFETY: `self` proves BMI2.
            unsafe { _pext_u64(0x0706_0504_0302_0100, _pdep_u64(mask.into(), EACH_BYTE) * 0xff) }
        }

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
        fn find(self, line: &Line, header: &FiveTuple) -> Found {
            let (value, mask) = halves(line);
            // SAFETY: `self` proves AVX2; the instructions work on registers only.
            unsafe {
                let header = _mm256_broadcastsi128_si256(words(header));
                let bits = _mm256_and_si256(_mm256_xor_si256(header, value), mask);
                let ports = _mm256_subs_epu16(_mm256_sub_epi16(header, value), mask);
                let misses = _mm256_blend_epi32::<0b0100_0100>(bits, ports);
                let hits = _mm256_cmpeq_epi64(misses, _mm256_setzero_si256());
                Found::of_halves(_mm256_movemask_pd(_mm256_castsi256_pd(hits)).cast_unsigned())
            }
        }

        #[inline(always)]
        fn count_below(self, keys: &Keys, x: u32) -> u32 {
            // SAFETY: `Keys` is 64 bytes of plain integers: two arrays of eight.
            let [low, high]: [[u32; 8]; 2] = unsafe { std::mem::transmute_copy(keys) };
            (self.not_below(&low, x) | self.not_below(&high, x) << 8).trailing_zeros()
        }

        #[inline(always)]
        fn above(self, numbers: &[u32; LANES], bound: u32, base: u8, places: &mut [u8; LANES]) -> usize {
            // SAFETY: sixteen numbers are two arrays of eight.
            let [low, high]: [[u32; 8]; 2] = unsafe { std::mem::transmute_copy(numbers) };
            let (low, high) = (self.not_below(&low, bound + 1), self.not_below(&high, bound + 1));
            let (base, count) = (u64::from(base) * EACH_BYTE, low.count_ones() as usize);
            places[..8].copy_from_slice(&(self.bits(low) + base).to_le_bytes());
            if let Some(room) = places[count..].first_chunk_mut() {
                *room = (self.bits(high) + base + 8 * EACH_BYTE).to_le_bytes();
            }
            count + high.count_ones() as usize
        }

        #[inline(always)]
        fn parts<const LINES: usize>(self, root: &Root<LINES>, numbers: &[u32; LANES]) -> [u32; LANES] {
            let ([low, high], _) = root.ends.as_chunks::<8>() else { return [0; LANES] };
            let mut parts = [0; LANES];
            // A loop, not `map`: a closure handed to another function does not get this function's features.
            for (part, &x) in parts.iter_mut().zip(numbers) {
                let mut end = self.not_below(low, x);
                if LINES * LANES / Root::<LINES>::SPAN > 8 {
                    end |= self.not_below(high, x) << 8;
                }
                let end = end.trailing_zeros() & 15;
                *part = if Root::<LINES>::SPAN == 8 {
                    let halves = root.keys[(end as usize / 2) & (LINES - 1)].0.as_chunks::<8>().0;
                    end * 8 + self.not_below(&halves[end as usize & 1], x).trailing_zeros()
                } else {
                    end * 16 + self.count_below(&root.keys[end as usize & (LINES - 1)], x)
                };
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
        fn find(self, line: &Line, header: &FiveTuple) -> Found {
            let (value, mask) = halves(line);
            // SAFETY: `self` proves AVX2 and AVX-512 F and VL; the instructions work on registers only.
            unsafe {
                let header = _mm256_broadcastsi128_si256(words(header));
                // (header ^ value) & mask in one instruction: 0x28 is its truth table.
                let bits = _mm256_ternarylogic_epi32::<0x28>(header, value, mask);
                let ports = _mm256_subs_epu16(_mm256_sub_epi16(header, value), mask);
                let misses = _mm256_blend_epi32::<0b0100_0100>(bits, ports);
                Found::of_halves(u32::from(_mm256_testn_epi64_mask(misses, misses)))
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

        #[inline(always)]
        fn above(self, numbers: &[u32; LANES], bound: u32, base: u8, places: &mut [u8; LANES]) -> usize {
            const LANE: [u32; LANES] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];
            // SAFETY: sixteen numbers are an `__m512i` of any bits, and an `__m128i` is sixteen bytes. `self` proves
            // AVX-512 F; the instructions work on registers only.
            unsafe {
                let (numbers, lanes): (__m512i, __m512i) =
                    (std::mem::transmute_copy(numbers), std::mem::transmute_copy(&LANE));
                let above = _mm512_cmplt_epu32_mask(_mm512_set1_epi32(bound.cast_signed()), numbers);
                let at = _mm512_add_epi32(lanes, _mm512_set1_epi32(base.into()));
                *places =
                    std::mem::transmute_copy(&_mm512_cvtepi32_epi8(_mm512_maskz_compress_epi32(above, at)));
                above.count_ones() as usize
            }
        }

        /// A binary search for sixteen numbers at once; the keys lie in registers, 32 in each pair.
        #[inline(always)]
        fn parts<const LINES: usize>(self, root: &Root<LINES>, numbers: &[u32; LANES]) -> [u32; LANES] {
            // SAFETY: 16 keys are an `__m512i` of any bits, sixteen numbers one, and the result is sixteen numbers
            // again. `self` proves AVX-512 F; the instructions work on registers only.
            unsafe {
                let x: __m512i = std::mem::transmute_copy(numbers);
                let mut keys = [_mm512_setzero_si512(); LINES];
                for (register, line) in keys.iter_mut().zip(&root.keys) {
                    *register = std::mem::transmute_copy(line);
                }
                // In which pair: whether the last key of the pair before it is below. `in_pair[0]` is not asked.
                let mut in_pair = [0; LINES];
                let mut at = _mm512_setzero_si512();
                for pair in 1..LINES / 2 {
                    let last = _mm512_permutexvar_epi32(_mm512_set1_epi32(15), keys[2 * pair - 1]);
                    in_pair[pair] = _mm512_cmplt_epu32_mask(last, x);
                    at = _mm512_mask_add_epi32(at, in_pair[pair], at, _mm512_set1_epi32(32));
                }
                for step in [16, 8, 4, 2, 1] {
                    // Of the index, the permutation looks at the low five bits.
                    let probe = _mm512_add_epi32(at, _mm512_set1_epi32(step - 1));
                    let mut key = _mm512_permutex2var_epi32(keys[0], probe, keys[1]);
                    for pair in 1..LINES / 2 {
                        let other = _mm512_permutex2var_epi32(keys[2 * pair], probe, keys[2 * pair + 1]);
                        key = _mm512_mask_blend_epi32(in_pair[pair], key, other);
                    }
                    let below = _mm512_cmplt_epu32_mask(key, x);
                    at = _mm512_mask_add_epi32(at, below, at, _mm512_set1_epi32(step));
                }
                std::mem::transmute_copy(&at)
            }
        }
    }
}
