/* SPDX-License-Identifier: BSD-2-Clause */
/* The TLVs of a v2 header in words: one row a type. */
#include "proxyproto/proxy_describe_tlv.h"

#include <inttypes.h>

#include "base/show.h"
#include "proxyproto/crc32c.h"
#include "proxyproto/proxy_tlv.h"

/* Section 2.2.5. */
#define UNIQUE_ID_MAX 128

/* Section 2.2.8: ranges without a meaning of their own. */
#define CUSTOM_MIN     0xE0
#define EXPERIMENT_MIN 0xF0
#define FUTURE_MIN     0xF8

/* The header that a TLV is in. */
struct place {
	const uint8_t *bytes;
	const struct proxy_header *header;
};

struct row {
	uint8_t type;
	const char *name;
	/* What the value means, in lines of its own; NULL: it is the text that it shows as. */
	void (*explain)(FILE *out, const struct place *place, const struct proxy_tlv *tlv);
};

/* ---- one type each ---- */

/* A header with this TLV alone, for asking proxy_tlv about it and not about the first of its type.
 */
static struct proxy_header alone(const struct proxy_tlv *tlv)
{
	return (struct proxy_header){
	    .version = 2,
	    .tlvs = tlv->value - PROXY_TLV_FIXED_LEN,
	    .tlvs_len = PROXY_TLV_FIXED_LEN + tlv->len,
	};
}

static void explain_crc32c(FILE *out, const struct place *place, const struct proxy_tlv *tlv)
{
	struct proxy_header before = *place->header;
	struct proxy_tlv other;
	uint32_t found = 0;
	uint32_t computed;

	if (tlv->len != PROXY_TLV_CRC32C_LEN) {
		fprintf(out, "  checksum: wrong: it has %d bytes\n", PROXY_TLV_CRC32C_LEN);
		return;
	}
	before.tlvs_len = (size_t)(tlv->value - PROXY_TLV_FIXED_LEN - before.tlvs);
	if (proxy_tlv_find(&before, PROXY_TLV_CRC32C, &other)) {
		fputs("  checksum: wrong: it is the second one, and neither can cover the other\n",
		      out);
		return;
	}
	for (size_t i = 0; i < PROXY_TLV_CRC32C_LEN; i++)
		found = found << 8 | tlv->value[i];
	computed = crc32c_zeroed(0, place->bytes, place->header->header_len,
				 (size_t)(tlv->value - place->bytes));
	if (found == computed)
		fprintf(out, "  checksum: correct\n");
	else
		fprintf(out, "  checksum: wrong: computed 0x%08" PRIx32 "\n", computed);
}

static void explain_noop(FILE *out, const struct place *place, const struct proxy_tlv *tlv)
{
	(void)place;
	(void)tlv;
	fputs("  meaning: padding\n", out);
}

static void explain_unique_id(FILE *out, const struct place *place, const struct proxy_tlv *tlv)
{
	(void)place;
	if (tlv->len > UNIQUE_ID_MAX)
		fprintf(out, "  meaning: longer than the %d bytes that it may have\n",
			UNIQUE_ID_MAX);
}

static void explain_aws(FILE *out, const struct place *place, const struct proxy_tlv *tlv)
{
	struct proxy_header header = alone(tlv);
	struct proxy_tlv vpce;

	(void)place;
	if (!proxy_tlv_aws_vpce(&header, &vpce))
		return;
	fputs("  VPC endpoint: ", out);
	show_text(out, vpce.value, vpce.len);
	fputc('\n', out);
}

static void explain_azure(FILE *out, const struct place *place, const struct proxy_tlv *tlv)
{
	struct proxy_header header = alone(tlv);
	uint32_t link;

	(void)place;
	if (proxy_tlv_azure_link(&header, &link))
		fprintf(out, "  private endpoint's link id: %" PRIu32 "\n", link);
}

static void explain_gcp(FILE *out, const struct place *place, const struct proxy_tlv *tlv)
{
	struct proxy_header header = alone(tlv);
	uint64_t connection;

	(void)place;
	if (proxy_tlv_gcp_psc(&header, &connection))
		fprintf(out, "  Private Service Connect's connection id: %" PRIu64 "\n",
			connection);
}

static void explain_ssl(FILE *out, const struct place *place, const struct proxy_tlv *tlv);

static const struct row rows[] = {
    {PROXY_TLV_ALPN, "PP2_TYPE_ALPN", NULL},
    {PROXY_TLV_AUTHORITY, "PP2_TYPE_AUTHORITY", NULL},
    {PROXY_TLV_CRC32C, "PP2_TYPE_CRC32C", explain_crc32c},
    {PROXY_TLV_NOOP, "PP2_TYPE_NOOP", explain_noop},
    {PROXY_TLV_UNIQUE_ID, "PP2_TYPE_UNIQUE_ID", explain_unique_id},
    {PROXY_TLV_SSL, "PP2_TYPE_SSL", explain_ssl},
    {PROXY_TLV_NETNS, "PP2_TYPE_NETNS", NULL},
    {PROXY_TLV_GCP, "Google's PSC TLV", explain_gcp},
    {PROXY_TLV_AWS, "PP2_TYPE_AWS", explain_aws},
    {PROXY_TLV_AZURE, "PP2_TYPE_AZURE", explain_azure},
};

/* Inside of SSL numbers have a meaning of their own. */
static const struct row ssl_rows[] = {
    {PROXY_TLV_SSL_VERSION, "PP2_SUBTYPE_SSL_VERSION", NULL},
    {PROXY_TLV_SSL_CN, "PP2_SUBTYPE_SSL_CN", NULL},
    {PROXY_TLV_SSL_CIPHER, "PP2_SUBTYPE_SSL_CIPHER", NULL},
    {PROXY_TLV_SSL_SIG_ALG, "PP2_SUBTYPE_SSL_SIG_ALG", NULL},
    {PROXY_TLV_SSL_KEY_ALG, "PP2_SUBTYPE_SSL_KEY_ALG", NULL},
    {PROXY_TLV_SSL_GROUP, "PP2_SUBTYPE_SSL_GROUP", NULL},
    {PROXY_TLV_SSL_SIG_SCHEME, "PP2_SUBTYPE_SSL_SIG_SCHEME", NULL},
    {PROXY_TLV_SSL_CLIENT_CERT, "PP2_SUBTYPE_SSL_CLIENT_CERT", NULL},
};

/* ---- any type ---- */

static const struct row *find_row(const struct row *table, size_t count, uint8_t type)
{
	for (size_t i = 0; i < count; i++)
		if (table[i].type == type)
			return &table[i];
	return NULL;
}

static const char *range_name(uint8_t type)
{
	if (type >= FUTURE_MIN)
		return "a type kept for the future";
	if (type >= EXPERIMENT_MIN)
		return "a type of an experiment";
	if (type >= CUSTOM_MIN)
		return "a type of an application";
	return "an unknown type";
}

/* The lines that every TLV has, each behind indent. */
static void describe_one(FILE *out, const struct place *place, const struct proxy_tlv *tlv,
			 const char *name, bool is_vector, const char *indent)
{
	fprintf(out, "%sTLV 0x%02x: %s, ", indent, tlv->type, name);
	show_len(out, tlv->len);
	fprintf(out, " from byte %zu\n", (size_t)(tlv->value - place->bytes));
	/* A vector of TLVs is shown one by one. */
	if (tlv->len == 0 || is_vector)
		return;
	fprintf(out, "%s  text: ", indent);
	show_text(out, tlv->value, tlv->len);
	fprintf(out, "\n%s  hex: ", indent);
	show_hex(out, tlv->value, tlv->len);
	fputc('\n', out);
}

static void describe_malformed(FILE *out, const struct place *place,
			       const struct proxy_tlv_walk *walk, const char *indent)
{
	fprintf(out, "%smalformed: no whole TLV in the last ", indent);
	show_len(out, walk->left);
	fprintf(out, ", from byte %zu: ", (size_t)(walk->at - place->bytes));
	show_hex(out, walk->at, walk->left);
	fputc('\n', out);
}

/* ---- SSL ---- */

static void explain_ssl_fixed(FILE *out, const struct proxy_tlv_ssl *ssl)
{
	fprintf(out, "  client:%s%s%s%s\n", ssl->client_ssl ? " PP2_CLIENT_SSL" : "",
		ssl->client_cert_conn ? " PP2_CLIENT_CERT_CONN" : "",
		ssl->client_cert_sess ? " PP2_CLIENT_CERT_SESS" : "",
		ssl->client_ssl || ssl->client_cert_conn || ssl->client_cert_sess
		    ? ""
		    : " no bit that is known");
	fprintf(out, "  verify: %" PRIu32 "%s\n", ssl->verify,
		ssl->verify != 0 ? ", no certificate of the client was verified"
				 : ", a certificate that the client showed was verified");
}

static void explain_ssl(FILE *out, const struct place *place, const struct proxy_tlv *tlv)
{
	struct proxy_header fixed = alone(tlv);
	struct proxy_tlv_walk walk;
	struct proxy_tlv_ssl ssl;
	struct proxy_tlv sub;
	int more;

	if (tlv->len < PROXY_TLV_SSL_FIXED_LEN) {
		fprintf(out, "  malformed: it has %d bytes at least\n", PROXY_TLV_SSL_FIXED_LEN);
		return;
	}
	if (proxy_tlv_ssl(&fixed, &ssl))
		explain_ssl_fixed(out, &ssl);
	walk = proxy_tlv_walk(tlv->value + PROXY_TLV_SSL_FIXED_LEN,
			      tlv->len - PROXY_TLV_SSL_FIXED_LEN);
	while ((more = proxy_tlv_next(&walk, &sub)) == 1) {
		const struct row *row =
		    find_row(ssl_rows, sizeof(ssl_rows) / sizeof(ssl_rows[0]), sub.type);

		describe_one(out, place, &sub, row != NULL ? row->name : "an unknown sub-type",
			     false, "  ");
	}
	if (more < 0)
		describe_malformed(out, place, &walk, "  ");
}

void proxy_describe_tlvs(FILE *out, const uint8_t *bytes, const struct proxy_header *header)
{
	struct proxy_tlv_walk walk = proxy_tlv_walk(header->tlvs, header->tlvs_len);
	const struct place place = {bytes, header};
	struct proxy_tlv tlv;
	int more;

	while ((more = proxy_tlv_next(&walk, &tlv)) == 1) {
		const struct row *row = find_row(rows, sizeof(rows) / sizeof(rows[0]), tlv.type);

		describe_one(out, &place, &tlv, row != NULL ? row->name : range_name(tlv.type),
			     tlv.type == PROXY_TLV_SSL && tlv.len >= PROXY_TLV_SSL_FIXED_LEN, "");
		if (row != NULL && row->explain != NULL)
			row->explain(out, &place, &tlv);
	}
	if (more < 0)
		describe_malformed(out, &place, &walk, "");
}
