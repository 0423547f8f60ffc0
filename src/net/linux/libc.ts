// System calls that Node lacks, in glibc through koffi; `wire-structs.ts` has their structures.
// Sources: socket(7), ip(7), udp(7), packet(7), recvmmsg(2), sendmmsg(2), eventfd(2), epoll(7),
// preadv2(2), fcntl(2), setns(2), rename(2), malloc_trim(3).
//
// 1. Read `errno()` only directly after a call that returned -1.
// 2. An address in a structure does not keep its buffer alive: keep the buffer in a field.
// 3. A program that never calls the library starts without koffi, and without its cost.

import { createRequire } from 'node:module';
import { getSystemErrorName } from 'node:util';
import { errorText, RackError } from '../../ground/errors.ts';
import { REINSTALL } from '../../ground/named-documents.ts';

/** The processors whose structures have the layouts of `wire-structs.ts`. */
const PROCESSORS: ReadonlySet<string> = new Set(['x64', 'arm64']);

/** Functions of libc as their manual pages say; buffers stand for pointers, -1 means failure. */
export interface Libc {
  socket(domain: number, type: number, protocol: number): number;
  bind(fd: number, address: Uint8Array, length: number): number;
  connect(fd: number, address: Uint8Array, length: number): number;
  setsockopt(fd: number, level: number, option: number, value: Uint8Array, length: number): number;
  getsockopt(fd: number, level: number, option: number, value: Uint8Array, length: Uint8Array): number;
  sendmsg(fd: number, header: Uint8Array, flags: number): number;
  sendmmsg(fd: number, headers: Uint8Array, count: number, flags: number): number;
  recvmmsg(fd: number, headers: Uint8Array, count: number, flags: number, timeout: null): number;
  recv(fd: number, buffer: Uint8Array, length: number, flags: number): number;
  /** Fills `from` with the sender, and `fromLength`, an int. */
  recvfrom(
    fd: number,
    buffer: Uint8Array,
    length: number,
    flags: number,
    senderAddress: Uint8Array,
    fromLength: Uint8Array,
  ): number;
  send(fd: number, bytes: Uint8Array, length: number, flags: number): number;
  sendto(
    fd: number,
    bytes: Uint8Array,
    length: number,
    flags: number,
    destination: Uint8Array | null,
    toLength: number,
  ): number;
  poll(descriptors: Uint8Array, count: number, timeoutMs: number): number;
  eventfd(initial: number, flags: number): number;
  read(fd: number, buffer: Uint8Array, length: number): number;
  write(fd: number, bytes: Uint8Array, length: number): number;
  close(fd: number): number;
  epoll_create1(flags: number): number;
  epoll_ctl(epoll: number, operation: number, fd: number, event: Uint8Array): number;
  epoll_wait(epoll: number, events: Uint8Array, count: number, timeoutMs: number): number;
  /** Like `send`, from an address of `addressOf`: faster than a buffer. */
  sendAt(fd: number, address: number, length: number, flags: number): number;
  getsockname(fd: number, address: Uint8Array, length: Uint8Array): number;
  /** preadv2(2) with the address of an array of `iovec`. */
  preadv2(fd: number, vectors: number, count: number, offset: number, flags: number): number;
  setns(fd: number, kind: number): number;
  renameat2(oldDirectory: number, oldPath: string, newDirectory: number, newPath: string, flags: number): number;
  if_nametoindex(name: string): number;
  /** The error number of the call that just failed. */
  errno(): number;
  /** Fixed for the buffer's life. */
  addressOf(buffer: Uint8Array): bigint;
}

let loadedLibc: Libc | undefined;

/** @throws RackError `native-unavailable` */
export function loadLibc(): Libc {
  loadedLibc ??= declareLibc();
  return loadedLibc;
}

function openLibrary() {
  try {
    if (!PROCESSORS.has(process.arch)) throw new Error(`the processor is ${process.arch}`);
    const { default: koffi }: typeof import('koffi') = createRequire(import.meta.url)('koffi');
    return { koffi, library: koffi.load('libc.so.6') };
  } catch (cause) {
    throw new RackError(
      'native-unavailable',
      `the C library of this host cannot be called (${errorText(cause)}): ${REINSTALL} installs the packages again; Rackboot runs on Linux with glibc, on processors amd64 and arm64`,
      { cause },
    );
  }
}

function declareLibc(): Libc {
  const { koffi, library } = openLibrary();
  return {
    socket: library.func('int socket(int, int, int)'),
    bind: library.func('int bind(int, const void *, uint32_t)'),
    connect: library.func('int connect(int, const void *, uint32_t)'),
    setsockopt: library.func('int setsockopt(int, int, int, const void *, uint32_t)'),
    getsockopt: library.func('int getsockopt(int, int, int, void *, void *)'),
    sendmsg: library.func('intptr_t sendmsg(int, void *, int)'),
    sendmmsg: library.func('int sendmmsg(int, void *, unsigned int, int)'),
    recvmmsg: library.func('int recvmmsg(int, void *, unsigned int, int, void *)'),
    // An int is made faster than a number of 64 bits, and no datagram is longer.
    recv: library.func('int recv(int, void *, size_t, int)'),
    recvfrom: library.func('intptr_t recvfrom(int, void *, size_t, int, void *, void *)'),
    send: library.func('intptr_t send(int, const void *, size_t, int)'),
    sendto: library.func('intptr_t sendto(int, const void *, size_t, int, const void *, uint32_t)'),
    poll: library.func('int poll(void *, unsigned long, int)'),
    eventfd: library.func('int eventfd(unsigned int, int)'),
    read: library.func('intptr_t read(int, void *, size_t)'),
    write: library.func('intptr_t write(int, const void *, size_t)'),
    close: library.func('int close(int)'),
    epoll_create1: library.func('int epoll_create1(int)'),
    epoll_ctl: library.func('int epoll_ctl(int, int, int, void *)'),
    epoll_wait: library.func('int epoll_wait(int, void *, int, int)'),
    sendAt: library.func('send', 'int', ['int', 'uintptr_t', 'size_t', 'int']),
    getsockname: library.func('int getsockname(int, void *, void *)'),
    preadv2: library.func('int preadv2(int, uintptr_t, int, int64_t, int)'),
    setns: library.func('int setns(int, int)'),
    renameat2: library.func('int renameat2(int, const char *, int, const char *, unsigned int)'),
    if_nametoindex: library.func('unsigned int if_nametoindex(const char *)'),
    errno: () => koffi.errno(),
    addressOf: (buffer) => koffi.address(buffer),
  };
}

/**
 * Returns freed memory to the system (malloc_trim(3)). It takes 6 to 16 ms, so it runs in libuv's
 * pool; a thread that allocates meanwhile waits only while its own arena is trimmed.
 * @throws as `loadLibc`
 */
export function returnFreedMemory(): void {
  // The result says only if there was memory to return.
  openLibrary()
    .library.func('int malloc_trim(size_t)')
    .async(0, () => undefined);
}

/** F_SETFD of fcntl(2). */
const F_SETFD = 2;

/** Leaves a descriptor open in the program that replaces this one. @throws as `loadLibc` */
export function keepOpen(fd: number): void {
  openLibrary().library.func('int fcntl(int, int, ...)')(fd, F_SETFD, 'int', 0);
}

export function findErrorName(errno: number): string {
  return getSystemErrorName(-errno);
}
