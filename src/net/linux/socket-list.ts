// Lists this host's UDP sockets with the devices they are bound to, which /proc/net/udp does not
// show. It serves to find another program on a shared port. Source: sock_diag(7),
// `inet_diag_req_v2` and `inet_diag_msg` in the kernel's uapi headers.
//
// 1. The request needs no privilege and does not wait. If the kernel cannot answer, the list is
//    undefined, which differs from empty.

import { type Ipv4, ipv4 } from '../../ground/address.ts';
import { type BorrowedBytes, borrowedPart, reclaim } from '../../ground/borrowed-bytes.ts';
import { type Decoded, decoded, fault } from '../byte-reader.ts';
import { NETLINK_DATAGRAM_BYTES_MAX, NLMSG_DONE, NLMSG_ERROR, splitNetlink } from '../netlink.ts';
import { PROTOCOL_UDP } from '../raw-frame.ts';
import type { Libc } from './libc.ts';
import { AF_INET, AF_NETLINK, MSG_DONTWAIT, SOCK_FLAGS, SOCK_RAW } from './wire-structs.ts';

/** One UDP socket of IPv4. */
interface ListedSocket {
  readonly address: Ipv4;
  readonly port: number;
  /** The index of the device it is bound to; 0 for none. */
  readonly deviceIndex: number;
  readonly inode: number;
}

const NETLINK_SOCK_DIAG = 4;
const SOCK_DIAG_BY_FAMILY = 20;
const DUMP_FLAGS = 0x301;
const REQUEST_BYTES = 16 + 56;
const ENTRY_BYTES = 16 + 72;
/** The most datagrams of an answer that are read; each holds some 300 sockets. */
const ANSWERS_MAX = 256;

/** The request for all sockets with this local port. */
export function encodeSocketRequest(port: number): Uint8Array {
  const bytes = new Uint8Array(REQUEST_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, REQUEST_BYTES, true);
  view.setUint16(4, SOCK_DIAG_BY_FAMILY, true);
  view.setUint16(6, DUMP_FLAGS, true);
  view.setUint8(16, AF_INET);
  view.setUint8(17, PROTOCOL_UDP);
  // Ask for sockets in every state, because the kernel calls a bound UDP socket "closed".
  view.setUint32(20, 0xffffffff, true);
  view.setUint16(24, port);
  return bytes;
}

/** One datagram of the answer: its sockets, and whether the answer ends with it, well or refused. */
interface SocketAnswer {
  readonly sockets: readonly ListedSocket[];
  readonly end: 'done' | 'refused' | undefined;
}

export function decodeSocketAnswer(bytes: BorrowedBytes): Decoded<SocketAnswer> {
  const parts = splitNetlink(bytes);
  if (!parts.ok) return parts;
  const sockets: ListedSocket[] = [];
  let end: SocketAnswer['end'];
  for (const { view, offset } of parts.value) {
    const type = view.getUint16(4, true);
    if (type === NLMSG_DONE) end = 'done';
    if (type === NLMSG_ERROR) end = 'refused';
    if (type !== SOCK_DIAG_BY_FAMILY) continue;
    if (view.byteLength < ENTRY_BYTES) {
      return fault('truncated', offset, 'socket');
    }
    if (view.getUint8(16) !== AF_INET) continue;
    sockets.push({
      port: view.getUint16(20),
      address: ipv4(view.getUint32(24)),
      deviceIndex: view.getUint32(56, true),
      inode: view.getUint32(84, true),
    });
  }
  return decoded({ sockets, end });
}

/** The sockets with this local port; `undefined` if the kernel cannot answer. */
export function listSockets(libc: Libc, port: number): readonly ListedSocket[] | undefined {
  const fd = libc.socket(AF_NETLINK, SOCK_RAW | SOCK_FLAGS, NETLINK_SOCK_DIAG);
  if (fd < 0) return undefined;
  try {
    const request = encodeSocketRequest(port);
    if (libc.send(fd, request, request.length, MSG_DONTWAIT) < 0) return undefined;
    const buffer = new Uint8Array(NETLINK_DATAGRAM_BYTES_MAX);
    const sockets: ListedSocket[] = [];
    for (let count = 0; count < ANSWERS_MAX; count += 1) {
      const length = libc.recv(fd, buffer, buffer.length, MSG_DONTWAIT);
      if (length < 0) return undefined;
      const received = borrowedPart(buffer, 0, length);
      const answer = decodeSocketAnswer(received);
      reclaim(received);
      if (!answer.ok || answer.value.end === 'refused') return undefined;
      sockets.push(...answer.value.sockets);
      if (answer.value.end === 'done') return sockets;
    }
    return undefined;
  } finally {
    libc.close(fd);
  }
}
