// A server and a client that talk over loopback as DHCP does, without any privilege: run by the end-to-end tests in their own
// process and, as another user, in one that they start. As a program it prints the conversation.

import { createSocket } from 'node:dgram';
import { ANY, formatIpv4, type Ipv4, mac, parseIpv4 } from '../../../src/ground/address.ts';
import { copyBytes } from '../../../src/ground/borrowed-bytes.ts';
import { sleep } from '../../../src/ground/clock.ts';
import type { DatagramHandler } from '../../../src/net/datagrams/datagram.ts';
import { openNetwork } from '../../../src/net/datagrams/udp-linux.ts';

/** Of this process, so that other runs on the same loopback do not hear it. */
const SERVER_PORT = 20_000 + 2 * (process.pid % 6000);
const CLIENT_PORT = SERVER_PORT + 1;
const MACHINE = mac(0x525400123456);

/** The conversation, in order, each datagram as `hearer heard text from sender`. */
export interface LoopbackReport {
  readonly heard: readonly string[];
  readonly sendErrors: readonly string[];
}

const ip = (text: string): Ipv4 => parseIpv4(text) ?? ANY;
/** An address and whose port it is. */
const sender = (address: string, port: number): string =>
  `${address}, ${port === CLIENT_PORT ? 'client' : port === SERVER_PORT ? 'server' : port}`;
const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1');

/** Holds the conversation once. */
export async function converse(): Promise<LoopbackReport> {
  const heard: string[] = [];
  const sendErrors: string[] = [];
  const network = await openNetwork();
  const listen =
    (who: string, answer: boolean): DatagramHandler =>
    (datagrams, socket) => {
      for (const { bytes, from, fromPort } of datagrams) {
        heard.push(`${who} heard ${text(copyBytes(bytes))} from ${sender(formatIpv4(from), fromPort)}`);
      }
      if (!answer) return;
      const lease = ip('127.77.0.100');
      socket.send([
        { bytes: Buffer.from('broadcast'), to: { kind: 'broadcast', port: CLIENT_PORT } },
        { bytes: Buffer.from('hardware'), to: { kind: 'hardware', address: lease, mac: MACHINE, port: CLIENT_PORT } },
        { bytes: Buffer.from('unicast'), to: { kind: 'unicast', address: lease, port: CLIENT_PORT } },
      ]);
    };
  const onSendError = (code: string): unknown => sendErrors.push(code);
  const server = { port: SERVER_PORT, shared: true, onSendError } as const;
  const source = ip('127.77.0.1');
  const device = { address: ANY, device: 'lo', source, broadcast: true, onDatagrams: listen('device', true) };
  await network.open({ ...server, ...device });
  await network.open({ ...server, address: source, freebind: true, onDatagrams: listen('address', false) });

  const client = createSocket('udp4');
  client.on('message', (bytes, from) =>
    heard.push(`client heard ${text(copyBytes(bytes))} from ${sender(from.address, from.port)}`),
  );
  await new Promise<void>((resolve) => client.bind(CLIENT_PORT, '0.0.0.0', resolve));
  client.setBroadcast(true);
  for (const [word, to] of [
    ['discover', '127.255.255.255'],
    ['renew', '127.77.0.1'],
  ] as const) {
    client.send(word, SERVER_PORT, to);
    await sleep(150);
  }
  client.close();
  await network.close();
  return { heard, sendErrors };
}

if (import.meta.main) console.log(JSON.stringify(await converse()));
