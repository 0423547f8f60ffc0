// A relay on loopback between one TFTP client and a server that loses and doubles packets both ways, as its seed says.
//
// 1. The client sends its request to `port` and sees the answers come from one other port, as from any server.

import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { seededRandom } from '../support/seeded-random.ts';

interface RelayModel {
  readonly seed: number;
  readonly loss: number;
  readonly duplication: number;
}

/** A running relay. */
interface LossyRelay {
  /** Where the client sends its request. */
  readonly port: number;
  /** Packets carried, copies included, and packets lost. */
  counts(): { readonly carried: number; readonly lost: number };
  close(): void;
}

const HOST = '127.0.0.1';

/** Starts a relay to the server at `serverPort`. */
export async function openLossyRelay(serverPort: number, model: RelayModel): Promise<LossyRelay> {
  const random = seededRandom(model.seed);
  const [requests, answers, server] = await Promise.all([bound(), bound(), bound()]);
  let clientPort = 0;
  let transferPort = serverPort;
  let carried = 0;
  let lost = 0;
  const carry = (from: Socket, bytes: Buffer, port: number): void => {
    if (random() < model.loss) {
      lost += 1;
      return;
    }
    for (let copies = random() < model.duplication ? 2 : 1; copies > 0; copies -= 1) {
      carried += 1;
      from.send(bytes, port, HOST);
    }
  };
  requests.on('message', (bytes, { port }) => {
    clientPort = port;
    transferPort = serverPort;
    carry(server, bytes, serverPort);
  });
  answers.on('message', (bytes) => carry(server, bytes, transferPort));
  server.on('message', (bytes, { port }) => {
    transferPort = port;
    carry(answers, bytes, clientPort);
  });
  return {
    port: requests.address().port,
    counts: () => ({ carried, lost }),
    close: () => {
      for (const socket of [requests, answers, server]) socket.close();
    },
  };
}

async function bound(): Promise<Socket> {
  const socket = createSocket({ type: 'udp4', recvBufferSize: 4_000_000 });
  socket.bind(0, HOST);
  await once(socket, 'listening');
  return socket;
}
