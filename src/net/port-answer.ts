// Checks whether a port accepts connections, by connecting and closing at once.
//
// 1. It ends within its timeout, whatever the other side does, and never throws.

import { connect } from 'node:net';

/** True if a connection to this address and port was accepted within `timeoutMs` milliseconds. */
export function answersAt(host: string, port: number, timeoutMs: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: timeoutMs });
    const end = (answers: boolean): void => {
      socket.destroy();
      resolve(answers);
    };
    socket.once('connect', () => end(true));
    socket.once('timeout', () => end(false));
    socket.on('error', () => end(false));
  });
}
