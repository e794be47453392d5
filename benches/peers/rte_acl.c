/*
 * The peer of the matcher benches: DPDK's rte_acl on the same rules and the same headers.
 *
 *     rte-acl RULES TRACE < commands
 *
 * Builds one context from ClassBench RULES, loads TRACE, prints `ready RULES HEADERS BUILD_MS HEAP_KIB`, then obeys
 * one command a line:
 *
 *     verdicts FILE   writes the rule of every header as a 32-bit number in host order, 0 for none, else its line
 *     run N           classifies the trace N times by every method this machine has, in calls of 32, 64 and 256
 *                     headers, and prints `METHOD CALL MLOOKUPS_PER_SECOND` for each, then `done`
 *
 * The caller drives it over a pipe, so that both sides can take turns while the machine stays the same.
 */
#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <rte_acl.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_malloc.h>

struct five_tuple {
	uint8_t protocol;
	uint32_t source, destination;
	uint16_t source_port, destination_port;
};

enum { PROTOCOL, SOURCE, DESTINATION, SOURCE_PORT, DESTINATION_PORT, FIELDS };

RTE_ACL_RULE_DEF(rule, FIELDS);

#define FIELD(kind, bytes, name, group, member) \
	{ .type = RTE_ACL_FIELD_TYPE_##kind, .size = bytes, .field_index = name, .input_index = group, \
	  .offset = offsetof(struct five_tuple, member) }

/* As in DPDK's own test-acl: the first field has one byte, the two ports share one 4-byte input. */
static const struct rte_acl_field_def fields[FIELDS] = {
	FIELD(BITMASK, 1, PROTOCOL, 0, protocol),
	FIELD(MASK, 4, SOURCE, 1, source),
	FIELD(MASK, 4, DESTINATION, 2, destination),
	FIELD(RANGE, 2, SOURCE_PORT, 3, source_port),
	FIELD(RANGE, 2, DESTINATION_PORT, 3, destination_port),
};

static const struct {
	const char *name;
	enum rte_acl_classify_alg alg;
} methods[] = {
	{ "scalar", RTE_ACL_CLASSIFY_SCALAR },	       { "sse", RTE_ACL_CLASSIFY_SSE },
	{ "avx2", RTE_ACL_CLASSIFY_AVX2 },	       { "avx512x16", RTE_ACL_CLASSIFY_AVX512X16 },
	{ "avx512x32", RTE_ACL_CLASSIFY_AVX512X32 },
};

static void die(const char *what)
{
	fprintf(stderr, "rte-acl: %s\n", what);
	exit(2);
}

/* Time on the processor, so that a busy machine lengthens no figure. */
static double now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return t.tv_sec + t.tv_nsec * 1e-9;
}

static struct rule *read_rules(const char *path, uint32_t *count)
{
	FILE *in = fopen(path, "r");
	char line[512];
	uint32_t room = 0, n = 0;
	struct rule *rules = NULL;

	if (!in)
		die("cannot open the rules");
	while (fgets(line, sizeof(line), in)) {
		unsigned s[5], d[5], sp[2], dp[2], p[2];
		if (sscanf(line, "@%u.%u.%u.%u/%u %u.%u.%u.%u/%u %u : %u %u : %u %x/%x", s, s + 1, s + 2, s + 3, s + 4, d,
			   d + 1, d + 2, d + 3, d + 4, sp, sp + 1, dp, dp + 1, p, p + 1) != 16)
			die("a line of the rules is no ClassBench filter");
		if (n == room)
			rules = realloc(rules, (room = room ? 2 * room : 1024) * sizeof(*rules));
		struct rule *r = &rules[n++];
		memset(r, 0, sizeof(*r));
		r->data.category_mask = 1;
		r->data.priority = RTE_ACL_MAX_PRIORITY - n;
		r->data.userdata = n;
		r->field[PROTOCOL].value.u8 = p[0];
		r->field[PROTOCOL].mask_range.u8 = p[1];
		r->field[SOURCE].value.u32 = s[0] << 24 | s[1] << 16 | s[2] << 8 | s[3];
		r->field[SOURCE].mask_range.u32 = s[4];
		r->field[DESTINATION].value.u32 = d[0] << 24 | d[1] << 16 | d[2] << 8 | d[3];
		r->field[DESTINATION].mask_range.u32 = d[4];
		r->field[SOURCE_PORT].value.u16 = sp[0];
		r->field[SOURCE_PORT].mask_range.u16 = sp[1];
		r->field[DESTINATION_PORT].value.u16 = dp[0];
		r->field[DESTINATION_PORT].mask_range.u16 = dp[1];
	}
	fclose(in);
	*count = n;
	return rules;
}

static struct five_tuple *read_trace(const char *path, uint32_t *count)
{
	FILE *in = fopen(path, "r");
	uint32_t room = 0, n = 0, s, d;
	unsigned sp, dp, p;
	struct five_tuple *trace = NULL;
	char line[256];

	if (!in)
		die("cannot open the trace");
	while (fgets(line, sizeof(line), in)) {
		if (sscanf(line, "%" SCNu32 " %" SCNu32 " %u %u %u", &s, &d, &sp, &dp, &p) != 5)
			die("a line of the trace is no header");
		if (n == room)
			trace = realloc(trace, (room = room ? 2 * room : 1024) * sizeof(*trace));
		trace[n++] = (struct five_tuple){ p, htonl(s), htonl(d), htons(sp), htons(dp) };
	}
	fclose(in);
	*count = n;
	return trace;
}

static size_t heap_in_use(void)
{
	struct rte_malloc_socket_stats stats;
	return rte_malloc_get_socket_stats(0, &stats) ? 0 : stats.heap_allocsz_bytes;
}

int main(int argc, char **argv)
{
	char *with_huge[] = { argv[0], "-l", "0", "--in-memory", "--no-pci", "--no-telemetry", "--log-level=error", "--single-file-segments" };
	char *without[] = { argv[0], "-l", "0", "--no-huge", "-m", "4096", "--no-pci", "--no-telemetry", "--log-level=error" };
	const char *huge = getenv("RTE_ACL_HUGEPAGES");
	int ready;

	if (argc != 3)
		die("usage: rte-acl RULES TRACE");
	ready = huge && *huge == '1' ? rte_eal_init(8, with_huge) : rte_eal_init(9, without);
	if (ready < 0)
		die("the EAL does not start");

	uint32_t count, headers;
	struct rule *rules = read_rules(argv[1], &count);
	struct five_tuple *trace = read_trace(argv[2], &headers);
	const uint8_t **data = malloc(headers * sizeof(*data));
	uint32_t *results = calloc(headers, sizeof(*results));
	for (uint32_t i = 0; i < headers; i++)
		data[i] = (const uint8_t *)&trace[i];

	struct rte_acl_param param = {
		.name = "bench", .socket_id = 0, .rule_size = RTE_ACL_RULE_SZ(FIELDS), .max_rule_num = count,
	};
	struct rte_acl_config config = { .num_categories = 1, .num_fields = FIELDS };
	memcpy(config.defs, fields, sizeof(fields));
	struct rte_acl_ctx *acl = rte_acl_create(&param);
	if (!acl || rte_acl_add_rules(acl, (struct rte_acl_rule *)rules, count))
		die("the rules are refused");
	size_t before = heap_in_use();
	double start = now();
	if (rte_acl_build(acl, &config))
		die("the build fails");
	printf("ready %u %u %.3f %zu\n", count, headers, (now() - start) * 1e3, (heap_in_use() - before) / 1024);
	fflush(stdout);

	char line[4096], path[4096];
	unsigned rounds;
	while (fgets(line, sizeof(line), stdin)) {
		if (sscanf(line, "verdicts %4095s", path) == 1) {
			if (rte_acl_classify(acl, data, results, headers, 1))
				die("classify fails");
			FILE *out = fopen(path, "wb");
			if (!out || fwrite(results, sizeof(*results), headers, out) != headers || fclose(out))
				die("cannot write the verdicts");
			printf("done\n");
		} else if (sscanf(line, "run %u", &rounds) == 1) {
			static const uint32_t calls[] = { 32, 64, 256 };
			for (size_t m = 0; m < sizeof(methods) / sizeof(*methods); m++) {
				if (rte_acl_classify_alg(acl, data, results, 64 < headers ? 64 : headers, 1, methods[m].alg))
					continue; /* not on this machine */
				for (size_t c = 0; c < sizeof(calls) / sizeof(*calls); c++) {
					start = now();
					for (unsigned r = 0; r < rounds; r++)
						for (uint32_t i = 0; i < headers; i += calls[c])
							rte_acl_classify_alg(acl, data + i, results + i,
									     headers - i < calls[c] ? headers - i : calls[c],
									     1, methods[m].alg);
					printf("%s %u %.3f\n", methods[m].name, calls[c],
					       (double)headers * rounds / (now() - start) * 1e-6);
				}
			}
			printf("done\n");
		} else {
			die("unknown command");
		}
		fflush(stdout);
	}
	return 0;
}
