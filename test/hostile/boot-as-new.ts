// An unknown machine, as fast as it can be: it takes a lease, fetches what its firmware fetches, reports itself with the token of that
// boot, and may release the lease. `boot-as-new.ts RACK MAC` does so once from eth0, and prints the status of the region's answer.

import { execFileSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { request } from 'node:http';
import { text } from 'node:stream/consumers';
import { decodeDhcpMessage } from '../../src/dhcp/wire/message.ts';
import { OPTION } from '../../src/dhcp/wire/options.ts';
import { formatIpv4, formatMac, type Ipv4, type MacAddress } from '../../src/ground/address.ts';
import { type ClientWords, clientBytes } from '../dhcp/lab.ts';
import { hw, ip } from '../support/lab-facts.ts';

const BOOT_PORT = 5248;
const REPLY_MS = 2000;
const TRIES = 5;
const PXE: Pick<ClientWords, 'vendorClass' | 'options' | 'broadcast'> = {
  vendorClass: 'PXEClient:Arch:00000:UNDI:002001',
  options: [
    [OPTION.clientArchitecture, Uint8Array.of(0, 0)],
    [OPTION.parameterRequestList, Uint8Array.of(1, 3, 6, 43, 60, 66, 67, 54)],
  ],
  broadcast: true,
};

/** A host that boots as other machines, one at a time or several. */
export class Booter {
  readonly #rack: string;
  readonly #network: string;
  readonly #socket = createSocket({ type: 'udp4', reuseAddr: true });
  /** By transaction: the receiver of its reply. */
  readonly #waiting = new Map<number, (address: Ipv4) => void>();
  #xid = 1;

  /** @param network the address of all hosts of its shared network */
  constructor(rack: string, network: string) {
    this.#rack = rack;
    this.#network = network;
    this.#socket.on('message', (bytes) => {
      const reply = decodeDhcpMessage(bytes);
      if (reply.ok) this.#waiting.get(reply.value.xid)?.(reply.value.yiaddr);
    });
  }

  async open(): Promise<void> {
    this.#socket.bind({ address: '0.0.0.0', port: 68 });
    await once(this.#socket, 'listening');
    this.#socket.setBroadcast(true);
  }

  close(): void {
    this.#socket.close();
  }

  /** Boots as a machine and reports it. @returns the status of the answer; undefined: it got no address or no token */
  async boot(mac: MacAddress, isReleased: boolean): Promise<number | undefined> {
    const offered = await this.#ask({ type: 'discover', mac, ...PXE });
    const server = ip(this.#rack);
    const leased = offered && (await this.#ask({ type: 'request', mac, requested: offered, server, ...PXE }));
    if (leased === undefined) return undefined;
    const address = formatIpv4(leased);
    runIp('add', address);
    try {
      return await this.#report(mac, address);
    } finally {
      if (isReleased) {
        const bytes = clientBytes({ type: 'release', mac, ciaddr: leased, server });
        await sendFrom(address, bytes, this.#rack);
        runIp('del', address);
      }
    }
  }

  async #report(mac: MacAddress, from: string): Promise<number | undefined> {
    const config = await this.#http(from, 'GET', '/pxelinux.cfg/default-amd64');
    const [, token] = /rackboot_token=(\S+)/.exec(config.body) ?? [];
    if (token === undefined) return undefined;
    const form = { op: 'new', architecture: 'amd64/generic', mac_addresses: formatMac(mac) };
    const headers = { 'Content-Type': 'application/x-www-form-urlencoded', 'X-Rackboot-Token': token };
    const body = new URLSearchParams(form).toString();
    return (await this.#http(from, 'POST', '/MAAS/api/1.0/nodes/', headers, body)).status;
  }

  async #http(localAddress: string, method: string, path: string, headers = {}, body = '') {
    const asked = request({ host: this.#rack, port: BOOT_PORT, localAddress, method, path, headers, agent: false });
    asked.end(body);
    const { promise, resolve, reject } = Promise.withResolvers<{ status: number | undefined; body: string }>();
    asked.on('error', reject);
    asked.on('response', (answer) => {
      text(answer).then((said) => resolve({ status: answer.statusCode, body: said }), reject);
    });
    return promise;
  }

  /** Sends a message until it is answered. @returns the address of the answer */
  async #ask(words: ClientWords): Promise<Ipv4 | undefined> {
    this.#xid += 1;
    const xid = this.#xid;
    const bytes = clientBytes({ ...words, xid });
    const { promise, resolve } = Promise.withResolvers<Ipv4>();
    this.#waiting.set(xid, resolve);
    try {
      for (let turn = 0; turn < TRIES; turn += 1) {
        this.#socket.send(bytes, 67, this.#network);
        const { promise: late, resolve: give } = Promise.withResolvers<undefined>();
        const timer = setTimeout(() => give(undefined), REPLY_MS);
        const address = await Promise.race([promise, late]);
        clearTimeout(timer);
        if (address !== undefined) return address === 0 ? undefined : address;
      }
      return undefined;
    } finally {
      this.#waiting.delete(xid);
    }
  }
}

/** The rack takes a release from the address itself alone. */
async function sendFrom(address: string, bytes: Uint8Array, rack: string): Promise<void> {
  const socket = createSocket('udp4');
  socket.bind({ address, port: 0 });
  await once(socket, 'listening');
  await new Promise<void>((done) => socket.send(bytes, 67, rack, () => done()));
  socket.close();
}

const runIp = (what: 'add' | 'del', address: string): void => {
  // It has the address of its shared network already when it boots twice.
  try {
    execFileSync('ip', ['address', what, `${address}/32`, 'dev', 'eth0'], { stdio: 'ignore' });
  } catch {}
};

if (import.meta.main) {
  const [, , rack = '', network = '', mac = ''] = process.argv;
  const booter = new Booter(rack, network);
  await booter.open();
  const status = await booter.boot(hw(mac), false);
  booter.close();
  console.log(status ?? 'no token');
}
