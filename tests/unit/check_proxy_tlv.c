/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of proxyproto/proxy_tlv: the walk, and the known TLVs taken apart. */
#include "proxyproto/proxy_tlv.h"

#include <stdlib.h>
#include <string.h>

#include <check.h>

#define BYTES(...) ((const uint8_t[]){__VA_ARGS__}), sizeof((const uint8_t[]){__VA_ARGS__})

/* A header as the parser leaves it, but for the TLVs of no interest here. */
static struct proxy_header header_with(const uint8_t *tlvs, size_t tlvs_len)
{
	return (struct proxy_header){.version = 2, .tlvs = tlvs, .tlvs_len = tlvs_len};
}

/* TLVs being put together. */
struct vector {
	uint8_t bytes[512];
	size_t len;
};

static void put(struct vector *vector, uint8_t type, const void *value, size_t len)
{
	uint8_t *at = &vector->bytes[vector->len];

	ck_assert_uint_le(vector->len + 3 + len, sizeof(vector->bytes));
	at[0] = type;
	at[1] = (uint8_t)(len >> 8);
	at[2] = (uint8_t)len;
	memcpy(&at[3], value, len);
	vector->len += 3 + len;
}

static void put_text(struct vector *vector, uint8_t type, const char *text)
{
	put(vector, type, text, strlen(text));
}

/* The sub-TLVs of every type, behind client bits and verify. */
static void put_ssl_value(struct vector *ssl)
{
	static const uint8_t client_and_verify[] = {0x05, 0x01, 0x02, 0x03, 0x04};

	memcpy(ssl->bytes, client_and_verify, sizeof(client_and_verify));
	ssl->len = sizeof(client_and_verify);
	put_text(ssl, PROXY_TLV_SSL_VERSION, "TLSv1.3");
	put_text(ssl, PROXY_TLV_SSL_CN, "client.example.com");
	put_text(ssl, PROXY_TLV_SSL_CIPHER, "TLS_AES_128_GCM_SHA256");
	put_text(ssl, PROXY_TLV_SSL_SIG_ALG, "RSA-SHA256");
	put_text(ssl, PROXY_TLV_SSL_KEY_ALG, "EC256");
	put_text(ssl, PROXY_TLV_SSL_GROUP, "X25519MLKEM768");
	put_text(ssl, PROXY_TLV_SSL_SIG_SCHEME, "ecdsa_secp256r1_sha256");
	put(ssl, PROXY_TLV_SSL_CLIENT_CERT, "0\0der", 5);
}

static void check_text(const struct proxy_tlv *tlv, const char *text)
{
	ck_assert_uint_eq(tlv->len, strlen(text));
	ck_assert_mem_eq(tlv->value, text, tlv->len);
}

START_TEST(walk_goes_in_order)
{
	static const uint8_t bytes[] = {0x04, 0, 0, 0x05, 0, 2, 'i', 'd', 0x05, 0, 1, 'x'};
	struct proxy_tlv_walk walk = proxy_tlv_walk(bytes, sizeof(bytes));
	struct proxy_tlv tlv;

	ck_assert_int_eq(proxy_tlv_next(&walk, &tlv), 1);
	ck_assert_uint_eq(tlv.type, PROXY_TLV_NOOP);
	check_text(&tlv, "");
	ck_assert_int_eq(proxy_tlv_next(&walk, &tlv), 1);
	ck_assert_uint_eq(tlv.type, PROXY_TLV_UNIQUE_ID);
	check_text(&tlv, "id");
	ck_assert_int_eq(proxy_tlv_next(&walk, &tlv), 1);
	check_text(&tlv, "x");
	ck_assert_int_eq(proxy_tlv_next(&walk, &tlv), 0);
	ck_assert_int_eq(proxy_tlv_next(&walk, &tlv), 0);
}
END_TEST

START_TEST(walk_of_nothing_ends)
{
	struct proxy_tlv_walk walk = proxy_tlv_walk(NULL, 0);
	struct proxy_tlv tlv;

	ck_assert_int_eq(proxy_tlv_next(&walk, &tlv), 0);
}
END_TEST

START_TEST(walk_stops_at_a_part_of_a_tlv)
{
	static const uint8_t bytes[] = {0x04, 0, 1, 'x', 0x05, 1, 0};

	/* Every proper part of a TLV is malformed, and stays so when asked again. */
	for (size_t len = 1; len <= sizeof(bytes); len++) {
		struct proxy_tlv_walk walk;
		struct proxy_tlv tlv;
		uint8_t *exact = malloc(len);

		ck_assert_ptr_nonnull(exact);
		memcpy(exact, bytes, len);
		walk = proxy_tlv_walk(exact, len);
		if (len >= 4)
			ck_assert_int_eq(proxy_tlv_next(&walk, &tlv), 1);
		ck_assert_int_eq(proxy_tlv_next(&walk, &tlv), len == 4 ? 0 : -1);
		ck_assert_int_eq(proxy_tlv_next(&walk, &tlv), len == 4 ? 0 : -1);
		free(exact);
	}
}
END_TEST

START_TEST(find_gives_the_first)
{
	struct proxy_header header =
	    header_with(BYTES(0x02, 0, 1, 'a', 0x05, 0, 1, 'b', 0x05, 0, 1, 'c'));
	struct proxy_tlv tlv = {.type = 0x77};

	ck_assert(!proxy_tlv_find(&header, PROXY_TLV_ALPN, &tlv));
	ck_assert_uint_eq(tlv.type, 0x77);
	ck_assert(proxy_tlv_find(&header, PROXY_TLV_UNIQUE_ID, &tlv));
	check_text(&tlv, "b");

	header = header_with(NULL, 0);
	ck_assert(!proxy_tlv_find(&header, PROXY_TLV_UNIQUE_ID, &tlv));
}
END_TEST

START_TEST(ssl_members)
{
	struct vector ssl_value;
	struct vector tlvs = {.len = 0};
	struct proxy_header header;
	struct proxy_tlv_ssl ssl;

	put_ssl_value(&ssl_value);
	put_text(&ssl_value, 0x7F, "unknown to us");
	put_text(&ssl_value, PROXY_TLV_SSL_CN, "the second of its type");
	put_text(&tlvs, PROXY_TLV_NOOP, "");
	put(&tlvs, PROXY_TLV_SSL, ssl_value.bytes, ssl_value.len);

	header = header_with(tlvs.bytes, tlvs.len);
	ck_assert(proxy_tlv_ssl(&header, &ssl));
	ck_assert(ssl.client_ssl);
	ck_assert(!ssl.client_cert_conn);
	ck_assert(ssl.client_cert_sess);
	ck_assert_uint_eq(ssl.verify, 0x01020304);
	check_text(&ssl.version, "TLSv1.3");
	check_text(&ssl.cn, "client.example.com");
	check_text(&ssl.cipher, "TLS_AES_128_GCM_SHA256");
	check_text(&ssl.sig_alg, "RSA-SHA256");
	check_text(&ssl.key_alg, "EC256");
	check_text(&ssl.group, "X25519MLKEM768");
	check_text(&ssl.sig_scheme, "ecdsa_secp256r1_sha256");
	ck_assert_uint_eq(ssl.client_cert.len, 5);
	ck_assert_mem_eq(ssl.client_cert.value, "0\0der", 5);
}
END_TEST

START_TEST(ssl_without_sub_tlvs)
{
	struct proxy_header header = header_with(BYTES(0x20, 0, 5, 0x02, 0, 0, 0, 0));
	struct proxy_tlv_ssl ssl;

	ck_assert(proxy_tlv_ssl(&header, &ssl));
	ck_assert(!ssl.client_ssl);
	ck_assert(ssl.client_cert_conn);
	ck_assert(!ssl.client_cert_sess);
	ck_assert_uint_eq(ssl.verify, 0);
	ck_assert_ptr_null(ssl.version.value);
	ck_assert_uint_eq(ssl.version.len, 0);
	ck_assert_ptr_null(ssl.client_cert.value);
}
END_TEST

START_TEST(ssl_malformed)
{
	struct proxy_header without = header_with(BYTES(0x04, 0, 0));
	struct vector ssl_value;
	struct proxy_tlv_ssl ssl;
	size_t accepted = 0;

	/* Cut anywhere, its value is well-formed between two sub-TLVs only. */
	put_ssl_value(&ssl_value);
	for (size_t len = 0; len <= ssl_value.len; len++) {
		struct vector tlvs = {.len = 0};
		struct proxy_header header;

		put(&tlvs, PROXY_TLV_SSL, ssl_value.bytes, len);
		header = header_with(tlvs.bytes, tlvs.len);
		accepted += proxy_tlv_ssl(&header, &ssl);
	}
	ck_assert_uint_eq(accepted, 9);

	ck_assert(!proxy_tlv_ssl(&without, &ssl));
}
END_TEST

START_TEST(aws_vpce)
{
	struct proxy_header header = header_with(BYTES(0xEA, 0, 5, 0x01, 'v', 'p', 'c', 'e'));
	struct proxy_tlv vpce;

	ck_assert(proxy_tlv_aws_vpce(&header, &vpce));
	check_text(&vpce, "vpce");

	header = header_with(BYTES(0xEA, 0, 5, 0x02, 'v', 'p', 'c', 'e'));
	ck_assert(!proxy_tlv_aws_vpce(&header, &vpce));
	header = header_with(BYTES(0xEA, 0, 0));
	ck_assert(!proxy_tlv_aws_vpce(&header, &vpce));
	header = header_with(BYTES(0xEE, 0, 5, 0x01, 'v', 'p', 'c', 'e'));
	ck_assert(!proxy_tlv_aws_vpce(&header, &vpce));
}
END_TEST

START_TEST(azure_link)
{
	struct proxy_header header = header_with(BYTES(0xEE, 0, 5, 0x01, 0xF5, 0x03, 0x00, 0x82));
	uint32_t link;

	ck_assert(proxy_tlv_azure_link(&header, &link));
	ck_assert_uint_eq(link, 0x820003F5);

	header = header_with(BYTES(0xEE, 0, 5, 0x02, 0xF5, 0x03, 0x00, 0x02));
	ck_assert(!proxy_tlv_azure_link(&header, &link));
	header = header_with(BYTES(0xEE, 0, 4, 0x01, 0xF5, 0x03, 0x00));
	ck_assert(!proxy_tlv_azure_link(&header, &link));
	header = header_with(NULL, 0);
	ck_assert(!proxy_tlv_azure_link(&header, &link));
}
END_TEST

START_TEST(gcp_psc)
{
	struct proxy_header header =
	    header_with(BYTES(0xE0, 0, 8, 0x81, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08));
	uint64_t connection;

	ck_assert(proxy_tlv_gcp_psc(&header, &connection));
	ck_assert_uint_eq(connection, 0x8102030405060708u);

	header = header_with(BYTES(0xE0, 0, 7, 0x81, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07));
	ck_assert(!proxy_tlv_gcp_psc(&header, &connection));
	header = header_with(NULL, 0);
	ck_assert(!proxy_tlv_gcp_psc(&header, &connection));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("proxy_tlv");
	TCase *tcase = tcase_create("proxy_tlv");
	SRunner *runner;
	int failed;

	tcase_add_test(tcase, walk_goes_in_order);
	tcase_add_test(tcase, walk_of_nothing_ends);
	tcase_add_test(tcase, walk_stops_at_a_part_of_a_tlv);
	tcase_add_test(tcase, find_gives_the_first);
	tcase_add_test(tcase, ssl_members);
	tcase_add_test(tcase, ssl_without_sub_tlvs);
	tcase_add_test(tcase, ssl_malformed);
	tcase_add_test(tcase, aws_vpce);
	tcase_add_test(tcase, azure_link);
	tcase_add_test(tcase, gcp_psc);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
