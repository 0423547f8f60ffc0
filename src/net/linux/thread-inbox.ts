// The messages of the main thread to a thread that sleeps in the kernel (`kernel-thread.ts`).
// `message` events never come while it sleeps.

import { parentPort, receiveMessageOnPort } from 'node:worker_threads';
import type { Libc } from './libc.ts';

/**
 * Empties the eventfd and hands over the waiting messages.
 * @returns true if one of them is `stop`, or there is no main thread
 */
export function takeMessages<To extends { readonly kind: string }>(
  libc: Libc,
  eventFd: number,
  onMessage: (message: To) => void,
): boolean {
  libc.read(eventFd, new Uint8Array(8), 8);
  if (parentPort === null) return true;
  for (let received = receiveMessageOnPort(parentPort); received; received = receiveMessageOnPort(parentPort)) {
    if (received.message.kind === 'stop') return true;
    onMessage(received.message);
  }
  return false;
}
