// Machines and clients for end-to-end tests: each asks one thing of a running rack over a real socket and says what came and how
// long it took.

import { createSocket } from 'node:dgram';
import { request } from 'node:http';
import { connect } from 'node:net';
import {
  ANY,
  formatIpv4,
  type Ipv4,
  type MacAddress,
  macFromBytes,
  mac as macOf,
  parseIpv4,
} from '../../src/ground/address.ts';
import { copyBytes } from '../../src/ground/borrowed-bytes.ts';
import { type Clock, sleep, systemClock, type Timer } from '../../src/ground/clock.ts';
import { type BootLease, DhcpClient } from '../../src/lab/dhcp-client.ts';
import type { LabPlace } from '../../src/lab/safe-lab.ts';
import { TftpDownload } from '../../src/lab/tftp-download.ts';
import type { DatagramSocket, HostNetwork } from '../../src/net/datagrams/datagram.ts';
import { openNetwork } from '../../src/net/datagrams/udp-linux.ts';

const clock: Clock = systemClock;

/** An answer with its time. */
export interface Timed<T> {
  readonly value: T;
  readonly ms: number;
}

/** The history of a DHCP client. */
export interface Leased extends BootLease {
  readonly mac: MacAddress;
  /** DISCOVER to OFFER and REQUEST to ACK, in milliseconds. */
  readonly offerMs: number;
  readonly ackMs: number;
}

interface Asking {
  readonly client: DhcpClient;
  readonly resolve: (lease: Leased) => void;
  readonly startedAt: number;
  requestedAt: number | undefined;
  timer: Timer | undefined;
}

/** Many PXE ROMs behind one socket, which is bound to this host's loopback or to another device. */
export class DhcpProbes {
  readonly #network: HostNetwork;
  readonly #socket: DatagramSocket;
  readonly #place: LabPlace;
  readonly #asking: Map<MacAddress, Asking>;
  #next = 0x5254_00b0_0000;
  /** Receives datagrams that are for no client that asks for a lease. */
  onOther: (bytes: Uint8Array) => void = () => undefined;

  private constructor(network: HostNetwork, socket: DatagramSocket, place: LabPlace, asking: Map<MacAddress, Asking>) {
    this.#network = network;
    this.#socket = socket;
    this.#place = place;
    this.#asking = asking;
  }

  static async open(place: LabPlace, device = 'lo'): Promise<DhcpProbes> {
    const network = await openNetwork();
    const asking = new Map<MacAddress, Asking>();
    const received = { take: (_bytes: Uint8Array): void => undefined };
    const socket = await network.open({
      address: ANY,
      port: place.dhcpClientPort,
      device,
      ...(device === 'lo' ? { source: place.source } : {}),
      broadcast: true,
      onDatagrams: (datagrams) => {
        for (const { bytes } of datagrams) received.take(copyBytes(bytes));
      },
    });
    const probes = new DhcpProbes(network, socket, place, asking);
    received.take = (bytes) => probes.#receive(bytes);
    return probes;
  }

  /** A machine that has never been seen. */
  newMac(): MacAddress {
    this.#next += 1;
    return macOf(this.#next);
  }

  /** Asks for a lease until there is one, or until `close`, after which the promise stays open. */
  lease(mac: MacAddress = this.newMac(), client: 'firmware' | 'system' = 'firmware'): Promise<Leased> {
    const architecture = client === 'firmware' ? 0 : undefined;
    return new Promise((resolve) => {
      const uuid = Buffer.alloc(16);
      uuid.writeUIntBE(mac, 10, 6);
      const asked = new DhcpClient({ mac, uuid, architecture }, mac % 0xffff_ffff);
      const asking: Asking = {
        client: asked,
        resolve,
        startedAt: clock.now(),
        requestedAt: undefined,
        timer: undefined,
      };
      this.#asking.set(mac, asking);
      asked.start(clock.now());
      this.#send(asking);
    });
  }

  /** As `lease`; undefined when there is none within `limitMs`, or before it is `over`. */
  async leaseWithin(
    limitMs: number,
    mac: MacAddress = this.newMac(),
    over?: Promise<undefined>,
  ): Promise<Leased | undefined> {
    const { promise, resolve } = Promise.withResolvers<undefined>();
    const late = clock.schedule(limitMs, () => resolve(undefined));
    const leased = await Promise.race([this.lease(mac), promise, ...(over === undefined ? [] : [over])]);
    late.cancel();
    if (leased === undefined) this.#forget(mac);
    return leased;
  }

  /** Broadcasts bytes of any kind to the server's port. */
  broadcast(bytes: Uint8Array): void {
    this.#socket.send([{ bytes, to: { kind: 'broadcast', port: this.#place.dhcpServerPort } }]);
  }

  /** Sends bytes of any kind to one address, at the server's port, from the address of a client on this host's loopback. */
  unicast(bytes: Uint8Array, address: Ipv4, from: Ipv4): void {
    const socket = createSocket('udp4');
    socket.bind({ address: formatIpv4(from), port: 0 }, () => {
      socket.send(bytes, this.#place.dhcpServerPort, formatIpv4(address), () => socket.close());
    });
  }

  async close(): Promise<void> {
    for (const mac of [...this.#asking.keys()]) this.#forget(mac);
    await this.#network.close();
  }

  #forget(mac: MacAddress): void {
    this.#asking.get(mac)?.timer?.cancel();
    this.#asking.delete(mac);
  }

  #receive(bytes: Uint8Array): void {
    if (bytes.length < 34) return;
    const mac = macFromBytes(bytes, 28);
    const asking = this.#asking.get(mac);
    if (asking === undefined) {
      this.onOther(bytes);
      return;
    }
    const { client, startedAt } = asking;
    const now = clock.now();
    client.receive(bytes, now);
    if (client.offeredAddress !== undefined) asking.requestedAt ??= now;
    const { lease } = client;
    if (lease === undefined) {
      this.#send(asking);
      return;
    }
    this.#forget(mac);
    const requestedAt = asking.requestedAt ?? now;
    asking.resolve({ ...lease, mac, offerMs: requestedAt - startedAt, ackMs: now - requestedAt });
  }

  #send(asking: Asking): void {
    for (const bytes of asking.client.takeOutgoing()) this.broadcast(bytes);
    asking.timer?.cancel();
    const { deadline } = asking.client;
    if (deadline === undefined) return;
    asking.timer = clock.schedule(Math.max(0, deadline - clock.now()), () => {
      asking.client.timeout(clock.now());
      this.#send(asking);
    });
  }
}

/**
 * Loads a file by TFTP from `address:port`. Rejects with the server's error, or when it stops answering.
 * @param from the address to ask from; undefined: any
 */
export function loadByTftp(address: string, port: number, file: string, from?: string): Promise<Timed<Uint8Array>> {
  return new Promise((resolve, reject) => {
    const socket = createSocket('udp4');
    const server = parseIpv4(address) ?? ANY;
    const startedAt = clock.now();
    const download = new TftpDownload(file, server, startedAt);
    let timer: Timer | undefined;
    let leaving = 0;
    // The last acknowledgement leaves before the socket closes.
    const sent = (): void => {
      leaving -= 1;
      if (leaving === 0 && download.result !== undefined) socket.close();
    };
    const go = (): void => {
      for (const { bytes, port: to } of download.takeOutgoing()) {
        leaving += 1;
        socket.send(bytes, to === 0 ? port : to, address, sent);
      }
      timer?.cancel();
      const { result, deadline } = download;
      if (result !== undefined) {
        if (leaving === 0) socket.close();
        if (result.kind === 'done') resolve({ value: result.bytes, ms: clock.now() - startedAt });
        else reject(new Error(`${file} from ${address}: ${result.reason}`));
      } else if (deadline !== undefined) {
        timer = clock.schedule(Math.max(0, deadline - clock.now()), () => {
          download.timeout(clock.now());
          go();
        });
      }
    };
    socket.on('message', (bytes, sender) => {
      download.receive(bytes, parseIpv4(sender.address) ?? ANY, sender.port, clock.now());
      go();
    });
    socket.on('error', () => undefined);
    if (from !== undefined) socket.bind({ address: from });
    go();
  });
}

/** The answer of a name server. */
export interface NameAnswer {
  readonly code: number;
  /** The data of the first A record; undefined when there is none. */
  readonly address: string | undefined;
}

const NAME_MS_MAX = 2000;
const NAME_TRIES_MAX = 3;

/** Asks for the A record of `name`; rejects after NAME_TRIES_MAX questions without an answer. */
export async function askName(address: string, port: number, name: string): Promise<Timed<NameAnswer>> {
  const id = Buffer.from(clock.randomBytes(2));
  const labels = name.split('.').map((label) => Buffer.from(`${String.fromCharCode(label.length)}${label}`, 'latin1'));
  const head = Buffer.from([0, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
  id.copy(head);
  const query = Buffer.concat([head, ...labels, Buffer.from([0, 0, 1, 0, 1])]);
  const socket = createSocket('udp4');
  const startedAt = clock.now();
  try {
    for (let tries = 0; tries < NAME_TRIES_MAX; tries += 1) {
      const bytes = await new Promise<Buffer | undefined>((resolve) => {
        const late = clock.schedule(NAME_MS_MAX, () => resolve(undefined));
        socket.removeAllListeners();
        socket.on('error', () => undefined);
        socket.on('message', (answer) => {
          if (!answer.subarray(0, 2).equals(id)) return;
          late.cancel();
          resolve(answer);
        });
        socket.send(query, port, address);
      });
      if (bytes !== undefined) return { value: readAnswer(bytes, query.length), ms: clock.now() - startedAt };
    }
  } finally {
    socket.close();
  }
  throw new Error(`${address}:${port} does not answer for ${name}`);
}

/** The first record follows the question; its name is a pointer of two octets. */
function readAnswer(bytes: Buffer, questionEnd: number): NameAnswer {
  const isAddress = bytes.readUInt16BE(6) > 0 && bytes.length >= questionEnd + 16;
  const at = questionEnd + 12;
  const address =
    isAddress && bytes.readUInt16BE(questionEnd + 2) === 1 ? bytes.subarray(at, at + 4).join('.') : undefined;
  return { code: bytes.readUInt8(3) & 15, address };
}

/** Loads `http://host:port/path`; rejects when it does not come within `limitMs`. */
export function loadByHttp(
  host: string,
  port: number,
  path: string,
  limitMs = 10_000,
): Promise<Timed<{ readonly status: number; readonly body: Buffer }>> {
  return new Promise((resolve, reject) => {
    const startedAt = clock.now();
    const asking = request({ host, port, path, agent: false }, (answer) => {
      const parts: Buffer[] = [];
      answer.on('data', (part: Buffer) => void parts.push(part));
      answer.on('error', reject);
      answer.on('end', () =>
        resolve({
          value: { status: answer.statusCode ?? 0, body: Buffer.concat(parts) },
          ms: clock.now() - startedAt,
        }),
      );
    });
    const late = clock.schedule(limitMs, () => asking.destroy(new Error(`${host}:${port}${path}: not in time`)));
    asking.on('close', () => late.cancel());
    asking.on('error', reject);
    asking.end();
  });
}

/** As `loadByHttp` with many pauses: 8 MiB take about two seconds. */
export function loadSlowly(host: string, port: number, path: string): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const asking = request({ host, port, path, agent: false }, async (answer) => {
      const parts: Buffer[] = [];
      try {
        for await (const part of answer) {
          parts.push(part);
          await sleep(10);
        }
        resolve(Buffer.concat(parts));
      } catch (error) {
        reject(error);
      }
    });
    asking.on('error', reject);
    asking.end();
  });
}

/** True when something accepts TCP connections there. */
export function isOpen(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    socket.on('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', () => resolve(false));
  });
}

/** The address as text. */
export const addressOf = (lease: Leased): string => formatIpv4(lease.address);
