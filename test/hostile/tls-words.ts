// The messages of a hostile client of TLS: a hello that a library made, a handshake after which nothing comes, and handshakes without end.

import { once } from 'node:events';
import { createServer, connect as openTcp, type Socket } from 'node:net';
import { connect } from 'node:tls';
import { portOf } from '../support/listening-port.ts';

/** A ClientHello as Node's client sends it; whoever gets it has all the work of a handshake. */
export async function helloBytes(): Promise<Uint8Array> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const port = portOf(server);
  const accepted = once(server, 'connection');
  const client = connect({ socket: openTcp({ port, host: '127.0.0.1' }) });
  client.on('error', () => undefined);
  const [socket] = await accepted;
  const [hello] = await once(socket, 'data');
  socket.destroy();
  client.destroy();
  server.close();
  return hello;
}

/** Shakes hands over a connection, and says nothing more. */
export function holdShaken(socket: Socket): void {
  connect({ socket, rejectUnauthorized: false }).on('error', () => socket.destroy());
}

/** Shakes hands over a connection again and again, as TLS 1.2 allows. */
export function renegotiateOn(socket: Socket, isOver: () => boolean): void {
  const secure = connect({ socket, rejectUnauthorized: false, maxVersion: 'TLSv1.2' });
  const again = (): void => {
    if (!isOver() && !secure.destroyed)
      secure.renegotiate({ rejectUnauthorized: false }, (error) => {
        if (error === null) again();
      });
  };
  secure.on('error', () => socket.destroy());
  secure.on('secureConnect', again);
}
