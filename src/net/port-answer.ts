// Whether something takes connections at a port: asked by a connection that is closed at once, with nothing said.
//
// 1. It ends within its time, whatever the other side does, and never throws.

import { connect } from 'node:net';

/** True when a connection to this address and port was taken within `timeoutMs` milliseconds. */
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
