// The network namespace of another process of this host, and the way into it. Sources:
// network_namespaces(7), setns(2), ip-netns(8).
//
// 1. Only the calling thread, and threads and programs that it starts afterwards, are in the
//    entered namespace. So enter from the main thread, before the first socket.
// 2. /sys still shows the devices of the former namespace; /proc/net shows those of the entered one.

import { closeSync, fstatSync, openSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { findErrorName, loadLibc } from './libc.ts';

const CLONE_NEWNET = 0x40000000;
/** The directory in which `ip netns` keeps its names. */
const NAMES_DIRECTORY = '/run/netns';

/**
 * `same`: the process is in this process's namespace, or its namespace cannot be found out.
 * `closed`: the kernel refused the entry, with `reason`.
 */
type NamespaceEntry =
  | { readonly kind: 'same' }
  | { readonly kind: 'entered'; readonly name: string | undefined }
  | { readonly kind: 'closed'; readonly name: string | undefined; readonly reason: string };

/** Identifies a namespace: device and inode. */
type NamespaceIdentity = string;

/**
 * Moves this thread into the network namespace of the process `pid`, if it is in another one.
 * @throws as `loadLibc`
 */
export function enterNetworkNamespace(pid: number): NamespaceEntry {
  let descriptor: number;
  try {
    descriptor = openSync(`/proc/${pid}/ns/net`, 'r');
  } catch {
    // Another user's process, or one that has ended.
    return { kind: 'same' };
  }
  try {
    const { dev, ino } = fstatSync(descriptor);
    const targetIdentity: NamespaceIdentity = `${dev}:${ino}`;
    if (targetIdentity === readNamespaceIdentity('/proc/self/ns/net')) return { kind: 'same' };
    const name = findNamespaceName(targetIdentity);
    const libc = loadLibc();
    if (libc.setns(descriptor, CLONE_NEWNET) === 0) return { kind: 'entered', name };
    return { kind: 'closed', name, reason: findErrorName(libc.errno()) };
  } finally {
    closeSync(descriptor);
  }
}

/** The name that ip(8) gave to a namespace; `undefined` if none. */
function findNamespaceName(targetIdentity: NamespaceIdentity): string | undefined {
  try {
    return readdirSync(NAMES_DIRECTORY).find(
      (name) => readNamespaceIdentity(join(NAMES_DIRECTORY, name)) === targetIdentity,
    );
  } catch {
    return undefined;
  }
}

function readNamespaceIdentity(path: string): NamespaceIdentity | undefined {
  try {
    const { dev, ino } = statSync(path);
    return `${dev}:${ino}`;
  } catch {
    return undefined;
  }
}
