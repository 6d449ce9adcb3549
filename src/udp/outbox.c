/* SPDX-License-Identifier: BSD-2-Clause */
/* Datagrams gathered to leave by one socket in few system calls. */
#include "udp/outbox.h"

#include <errno.h>
#include <string.h>

/* Pending ICMP errors that one send may meet before its own failure is believed. */
#define PENDING_MAX 4

/* Segments shorter than this fit any path (the least MTU of IPv6 less headers); if such a one is
 * refused, it is not for its length. */
#define SEGMENT_SURE 1200

/* Pieces of one segment: its header, and its payload out of at most two pieces. */
#define CUT_PIECES_MAX 4

void outbox_init(struct outbox *outbox)
{
	memset(outbox->messages, 0, sizeof(outbox->messages));
	outbox->messages_count = 0;
	outbox->parts_count = 0;
	outbox->pieces_count = 0;
}

static void add_piece(struct outbox *outbox, struct msghdr *message, const uint8_t *bytes,
		      size_t len)
{
	struct iovec *piece = &outbox->pieces[outbox->pieces_count++];

	/* sendmsg(2) only reads. */
	piece->iov_base = (void *)bytes;
	piece->iov_len = len;
	message->msg_iovlen++;
}

/* Whether a datagram of len bytes, header included, can join the last message. */
static bool can_join(const struct outbox *outbox, const struct outbox_item *item, size_t len,
		     size_t join_max)
{
	const struct outbox_note *note;

	if (outbox->messages_count == 0)
		return false;
	note = &outbox->notes[outbox->messages_count - 1];
	return !note->closed && len > 0 && len <= note->segment_len &&
	       note->segment_len <= join_max && note->segments < OUTBOX_SEGMENTS &&
	       note->len + len <= UDP_SOCK_PAYLOAD_MAX && udp_path_equal(note->path, item->path);
}

static void start_message(struct outbox *outbox, const struct outbox_item *item, size_t segment_len)
{
	size_t index = outbox->messages_count++;
	struct msghdr *message = &outbox->messages[index].msg_hdr;

	outbox->notes[index] = (struct outbox_note){
	    .path = item->path,
	    .segment_len = segment_len,
	    .first_part = outbox->parts_count,
	};
	message->msg_iov = &outbox->pieces[outbox->pieces_count];
	message->msg_iovlen = 0;
	message->msg_name = NULL;
	message->msg_namelen = 0;
	if (item->path != NULL) {
		message->msg_name = (void *)&item->path->peer;
		message->msg_namelen = addr_len(&item->path->peer);
	}
}

/* Count segments of len bytes together, whose pieces have been added, to the last message. */
static void add_part(struct outbox *outbox, const struct outbox_item *item, size_t len,
		     uint32_t segments)
{
	struct outbox_note *note = &outbox->notes[outbox->messages_count - 1];
	struct outbox_part *part = NULL;

	if (note->parts > 0)
		part = &outbox->parts[outbox->parts_count - 1];
	if (part == NULL || part->owner != item->owner || part->header_len != item->header_len) {
		part = &outbox->parts[outbox->parts_count++];
		*part = (struct outbox_part){.owner = item->owner, .header_len = item->header_len};
		note->parts++;
	}
	part->len += len;
	part->segments += segments;
	note->len += len;
	note->segments += segments;
	note->closed = len < segments * note->segment_len;
}

/* Put one datagram in; false when there is no room. */
static bool put_one(struct outbox *outbox, const struct outbox_item *item, const uint8_t *payload,
		    size_t len, size_t join_max)
{
	size_t whole = item->header_len + len;
	struct msghdr *message;

	if (outbox->pieces_count + 2 > OUTBOX_PIECES || outbox->parts_count == OUTBOX_PIECES)
		return false;
	if (!can_join(outbox, item, whole, join_max)) {
		if (outbox->messages_count == OUTBOX_MESSAGES)
			return false;
		start_message(outbox, item, whole);
	}
	message = &outbox->messages[outbox->messages_count - 1].msg_hdr;
	if (item->header_len > 0)
		add_piece(outbox, message, item->header, item->header_len);
	if (len > 0)
		add_piece(outbox, message, payload, len);
	add_part(outbox, item, whole, 1);
	return true;
}

/* Put a run of datagrams without headers in, as one piece a message. Returns bytes put. */
static size_t put_run(struct outbox *outbox, const struct outbox_item *item)
{
	size_t most = UDP_SOCK_PAYLOAD_MAX / item->segment_len;
	size_t put = 0;

	if (most > OUTBOX_SEGMENTS)
		most = OUTBOX_SEGMENTS;
	while (put < item->len) {
		size_t chunk = item->len - put;

		if (outbox->messages_count == OUTBOX_MESSAGES ||
		    outbox->pieces_count == OUTBOX_PIECES || outbox->parts_count == OUTBOX_PIECES)
			break;
		if (chunk > most * item->segment_len)
			chunk = most * item->segment_len;
		start_message(outbox, item, item->segment_len);
		add_piece(outbox, &outbox->messages[outbox->messages_count - 1].msg_hdr,
			  item->payload + put, chunk);
		add_part(outbox, item, chunk,
			 (uint32_t)((chunk + item->segment_len - 1) / item->segment_len));
		put += chunk;
	}
	return put;
}

size_t outbox_put(struct outbox *outbox, const struct outbox_item *item, size_t join_max,
		  bool *full)
{
	size_t segment_len = item->segment_len;
	size_t put = 0;

	*full = false;
	if (segment_len == 0 || segment_len >= item->len) {
		*full = !put_one(outbox, item, item->payload, item->len, join_max);
		return *full ? 0 : item->len;
	}
	if (item->header_len == 0 && segment_len <= join_max) {
		put = put_run(outbox, item);
		*full = put < item->len;
		return put;
	}
	while (put < item->len && !*full) {
		size_t len = item->len - put < segment_len ? item->len - put : segment_len;

		*full = !put_one(outbox, item, item->payload + put, len, join_max);
		if (!*full)
			put += len;
	}
	return put;
}

/* A place in the pieces of a message. */
struct cursor {
	const struct iovec *piece;
	size_t left; /* pieces from there on */
	size_t at;   /* bytes of the first that are behind us */
};

/* Take len bytes off the cursor; returns how many pieces they are in. */
static size_t cut(struct cursor *cursor, size_t len, struct iovec *pieces)
{
	size_t count = 0;

	while (len > 0 && cursor->left > 0 && count < CUT_PIECES_MAX) {
		size_t there = cursor->piece->iov_len - cursor->at;
		size_t taken = there < len ? there : len;

		pieces[count].iov_base = (uint8_t *)cursor->piece->iov_base + cursor->at;
		pieces[count++].iov_len = taken;
		len -= taken;
		cursor->at += taken;
		if (cursor->at == cursor->piece->iov_len) {
			cursor->piece++;
			cursor->left--;
			cursor->at = 0;
		}
	}
	return count;
}

/* sendmsg(2) past the pending errors of former datagrams, which it reports instead of sending.
 * Returns 0 or an errno. */
static int send_one(int fd, const struct msghdr *message)
{
	int error = 0;

	for (int i = 0; i < PENDING_MAX; i++) {
		if (sendmsg(fd, message, MSG_DONTWAIT) >= 0)
			return 0;
		error = errno;
		if (error == EAGAIN || error == EINVAL || error == EMSGSIZE || error == ENOBUFS ||
		    error == EPERM)
			break;
	}
	return error;
}

/* Send the segments of a message that the kernel would not cut. Returns EAGAIN if that ended it. */
static int send_apart(const struct outbox *outbox, int fd, const struct msghdr *joined,
		      const struct outbox_note *note, outbox_result result)
{
	struct cursor cursor = {.piece = joined->msg_iov, .left = joined->msg_iovlen};
	_Alignas(struct cmsghdr) uint8_t control[UDP_SOCK_CONTROL_MAX];
	struct iovec pieces[CUT_PIECES_MAX];
	struct msghdr message = *joined;
	int error = 0;

	udp_sock_write_control(&message, control, note->path, 0);
	message.msg_iov = pieces;
	for (uint32_t i = 0; i < note->parts; i++) {
		const struct outbox_part *part = &outbox->parts[note->first_part + i];
		size_t left = part->len;

		while (left > 0) {
			size_t len = left < note->segment_len ? left : note->segment_len;

			message.msg_iovlen = cut(&cursor, len, pieces);
			if (error != EAGAIN)
				error = send_one(fd, &message);
			result(part->owner, 1, len - part->header_len, error);
			left -= len;
		}
	}
	return error == EAGAIN ? EAGAIN : 0;
}

static void report(const struct outbox *outbox, const struct outbox_note *note,
		   outbox_result result, int error)
{
	for (uint32_t i = 0; i < note->parts; i++) {
		const struct outbox_part *part = &outbox->parts[note->first_part + i];

		result(part->owner, part->segments, part->len - part->segments * part->header_len,
		       error);
	}
}

/* The kernel refused to cut a message: remember it, and send its segments. */
static int on_refused_join(const struct outbox *outbox, size_t index, int fd, int error,
			   size_t *join_max, outbox_result result)
{
	const struct outbox_note *note = &outbox->notes[index];
	size_t fits = note->segment_len - 1;

	if (error != EINVAL && error != EMSGSIZE)
		fits = 0;
	else if (note->segment_len <= SEGMENT_SURE)
		fits = 0;
	if (fits < *join_max)
		*join_max = fits;
	return send_apart(outbox, fd, &outbox->messages[index].msg_hdr, note, result);
}

/* The message at index would not go out with the others. Returns EAGAIN when the buffer is full. */
static int send_failed(struct outbox *outbox, size_t index, int fd, size_t *join_max,
		       outbox_result result)
{
	const struct outbox_note *note = &outbox->notes[index];
	int error = send_one(fd, &outbox->messages[index].msg_hdr);

	if (note->segments > 1 && (error == EINVAL || error == EIO || error == ENOPROTOOPT ||
				   error == EMSGSIZE || error == EOPNOTSUPP))
		return on_refused_join(outbox, index, fd, error, join_max, result);
	report(outbox, note, result, error);
	return error == EAGAIN ? EAGAIN : 0;
}

static void write_controls(struct outbox *outbox)
{
	for (size_t i = 0; i < outbox->messages_count; i++) {
		const struct outbox_note *note = &outbox->notes[i];

		udp_sock_write_control(&outbox->messages[i].msg_hdr, outbox->controls[i],
				       note->path, note->segments > 1 ? note->segment_len : 0);
	}
}

int outbox_flush(struct outbox *outbox, int fd, size_t *join_max, outbox_result result)
{
	size_t count = outbox->messages_count;
	size_t at = 0;
	int error = 0;

	write_controls(outbox);
	while (at < count && error == 0) {
		int sent =
		    sendmmsg(fd, &outbox->messages[at], (unsigned)(count - at), MSG_DONTWAIT);

		for (int i = 0; i < sent; i++)
			report(outbox, &outbox->notes[at++], result, 0);
		if (sent < 0)
			error = send_failed(outbox, at++, fd, join_max, result);
	}
	for (; at < count; at++)
		report(outbox, &outbox->notes[at], result, EAGAIN);
	outbox->messages_count = 0;
	outbox->parts_count = 0;
	outbox->pieces_count = 0;
	return error == 0 ? 0 : -1;
}
