// A TFTP server on a network in memory, with a virtual clock and files in memory: tests hand over bytes and read packets.

import assert from 'node:assert/strict';
import type { BootAsset, ResolveAsset } from '../../src/boot/asset.ts';
import type { FileSource } from '../../src/files/file-source.ts';
import type { FileTree } from '../../src/files/opened-file.ts';
import { type Ipv4, type Ipv4Network, ipv4 } from '../../src/ground/address.ts';
import type { RackEvent } from '../../src/ground/event.ts';
import type {
  DatagramSocket,
  HostNetwork,
  OutgoingDatagram,
  ReceivedDatagram,
} from '../../src/net/datagrams/datagram.ts';
import { decodePacket, encodeError, type TftpPacket } from '../../src/tftp/packet.ts';
import { TftpServer } from '../../src/tftp/server.ts';
import { type MemoryRequest, ownTransferRunner } from '../support/own-transfer-runner.ts';
import { VirtualClock } from '../support/virtual-clock.ts';
import { encodeAck, encodeRequest } from './client-packet.ts';

export const RACK: Ipv4 = ipv4(0x0a140001);
export const CLIENT: Ipv4 = ipv4(0x0a140064);
/** The network of RACK and CLIENT, and another one. */
export const CLIENTS: readonly Ipv4Network[] = [
  { address: ipv4(0x0a140000), prefix: 24 },
  { address: ipv4(0x0a1e0000), prefix: 24 },
];

/** Header bytes of a datagram: 20 (IPv4) and 8 (UDP). */
export const HEADERS_BYTES = 28;

/** A socket that records what it sends. */
export class MemorySocket implements DatagramSocket {
  readonly interfaceName = undefined;
  readonly request: MemoryRequest;
  readonly localAddress: Ipv4;
  readonly localPort: number;
  closed = false;
  readonly sent: { readonly bytes: Uint8Array; readonly to: number; readonly port: number }[] = [];

  constructor(request: MemoryRequest, localPort: number) {
    this.request = request;
    this.localAddress = request.address;
    this.localPort = localPort;
  }

  send(datagrams: readonly OutgoingDatagram[]): void {
    assert.equal(this.closed, false, 'sent through a closed socket');
    for (const { bytes, to } of datagrams) {
      if (to.kind === 'unicast') this.sent.push({ bytes: Uint8Array.from(bytes), to: to.address, port: to.port });
    }
  }

  counters() {
    return { received: 0, sent: this.sent.length, sendErrors: 0, receiveDrops: undefined };
  }

  close(): void {
    this.closed = true;
  }
}

/** A network in memory. */
export class MemoryNetwork implements Pick<HostNetwork, 'open' | 'mayReach'> {
  readonly sockets: MemorySocket[] = [];
  /** Addresses that cannot be opened. */
  readonly refused = new Set<Ipv4>();
  /** The ports that the system chooses next; after these it counts up. */
  readonly nextPorts: number[] = [];
  /** Called with each socket that is opened. */
  onOpen: (() => void) | undefined;
  #port = 40_000;

  async open(request: MemoryRequest): Promise<DatagramSocket> {
    this.onOpen?.();
    if (this.refused.has(request.address)) throw new Error(`refused ${request.address}`);
    const inUse = (port: number): boolean => this.listening.some(({ localPort }) => localPort === port);
    let port = request.port === 0 ? (this.nextPorts.shift() ?? ++this.#port) : request.port;
    while (request.port === 0 && inUse(port)) port = this.nextPorts.shift() ?? ++this.#port;
    const socket = new MemorySocket(request, port);
    this.sockets.push(socket);
    return socket;
  }

  mayReach(): boolean {
    return true;
  }

  /** The open sockets. */
  get listening(): readonly MemorySocket[] {
    return this.sockets.filter(({ closed }) => !closed);
  }
}

interface BenchFile {
  readonly bytes: Uint8Array;
  /** The length that it claims; undefined: that of `bytes`. */
  readonly sizeBytes?: number;
  /** A file on disk, rather than bytes in memory. */
  readonly source?: FileSource;
  /** If set, the disk answers only then. */
  readonly reading?: Promise<void>;
}

/** A server with clients: hands requests over and takes the answers. */
export class Bench {
  readonly clock = new VirtualClock();
  readonly network = new MemoryNetwork();
  readonly events: RackEvent[] = [];
  readonly files: Record<string, BenchFile> = {};
  readonly assets: Record<string, BootAsset> = {};
  openReaders = 0;
  /** If set, opening a file waits for it. */
  opening: Promise<void> | undefined;
  readonly server: TftpServer;

  constructor() {
    const resolve: ResolveAsset = ({ path }) => this.assets[path] ?? { kind: 'file', path, mac: undefined };
    const { clock, network } = this;
    const alike = (path: string) => Object.keys(this.files).filter((one) => one.toLowerCase() === path.toLowerCase());
    const files: FileTree = { open: (path) => this.#open(path), findAlike: alike };
    const carrier = ownTransferRunner(network, clock);
    this.server = new TftpServer({
      network,
      makeTransferRunner: carrier,
      clock,
      resolve,
      files,
      publish: (event) => this.events.push(event),
    });
  }

  /** A bench whose server listens on RACK:69. */
  static async start(files: Readonly<Record<string, BenchFile>> = {}): Promise<Bench> {
    const bench = new Bench();
    Object.assign(bench.files, files);
    await bench.server.configure({ listen: [RACK], listenPort: 69, clients: CLIENTS });
    bench.events.length = 0;
    return bench;
  }

  /** Delivers a request and lets the server open the file. */
  async ask(file: string, options: Readonly<Record<string, number>> = {}, port = 2070, mode = 'octet'): Promise<void> {
    const pairs = Object.entries(options).map(([name, value]) => ({ name, value: String(value) }));
    this.deliver(69, encodeRequest({ kind: 'read', file, mode, options: pairs }), port);
    await turns();
  }

  deliver(localPort: number, bytes: Uint8Array, port = 2070, from: Ipv4 = CLIENT): void {
    this.deliverAll(localPort, [{ bytes, from, fromPort: port }]);
  }

  /** Delivers datagrams to the socket of that port; a connected one receives only from its peer. */
  deliverAll(localPort: number, datagrams: readonly ReceivedDatagram[]): void {
    const socket = this.network.listening.find((each) => each.localPort === localPort);
    const peer = socket?.request.peer;
    const heard = datagrams.filter(
      ({ from, fromPort }) => peer === undefined || (peer.address === from && peer.port === fromPort),
    );
    if (heard.length > 0) socket?.request.onDatagrams(heard, socket);
  }

  /** The client's host reports by ICMP that the peer of this port is closed. */
  reportUnreachable(localPort: number): void {
    const socket = this.network.listening.find((each) => each.localPort === localPort);
    socket?.request.onPeerUnreachable?.();
  }

  /** Bytes sent to an address, IP and UDP headers included. */
  sentTo(address: Ipv4): number {
    const sent = this.network.sockets.flatMap((socket) => socket.sent.filter(({ to }) => to === address));
    return sent.reduce((sum, { bytes }) => sum + bytes.length + HEADERS_BYTES, 0);
  }

  /** The packets sent to a client port since the last call, each with its source port. */
  take(port = 2070): { readonly packet: TftpPacket; readonly from: number }[] {
    const taken: { readonly packet: TftpPacket; readonly from: number }[] = [];
    for (const socket of this.network.sockets) {
      for (const datagram of socket.sent.splice(0)) {
        if (datagram.port !== port) socket.sent.push(datagram);
        else {
          const packet = decodePacket(datagram.bytes);
          assert.ok(packet.ok);
          taken.push({ packet: packet.value, from: socket.localPort });
        }
      }
    }
    return taken;
  }

  ack(tid: number, block: number, port = 2070): void {
    this.deliver(tid, encodeAck(block), port);
  }

  error(tid: number, code: number, text: string, port = 2070): void {
    this.deliver(tid, encodeError(code, text), port);
  }

  /** Loads a file as a well-behaved client. @returns the received bytes */
  async load(file: string, options: Readonly<Record<string, number>> = {}, port = 2070): Promise<Buffer> {
    await this.ask(file, options, port);
    const parts: Uint8Array[] = [];
    let expected = 1;
    for (let turn = 0; turn < 100_000; turn += 1) {
      const packets = this.take(port);
      if (packets.length === 0) await turns();
      for (const { packet, from } of packets) {
        if (packet.kind === 'options') this.ack(from, 0, port);
        else if (packet.kind === 'data') {
          assert.equal(packet.block, expected & 0xffff);
          parts.push(packet.bytes);
          expected += 1;
          const last = packet.bytes.length < (options.blksize ?? 512);
          if (last || (expected - 1) % (options.windowsize ?? 1) === 0) this.ack(from, expected - 1, port);
          if (last) return Buffer.concat(parts);
        } else assert.fail(JSON.stringify(packet));
      }
    }
    return assert.fail('the transfer does not end');
  }

  kinds(): readonly string[] {
    return this.events.map(({ kind }) => kind);
  }

  async #open(path: string) {
    await this.opening;
    const file = this.files[path];
    if (file === undefined) return undefined;
    this.openReaders += 1;
    let open = true;
    return {
      sizeBytes: file.sizeBytes ?? file.bytes.length,
      modifiedMs: 0,
      etag: '""',
      source: file.source ?? file.bytes,
      read: (offset: number, length: number) => {
        const part = file.bytes.subarray(offset, offset + length);
        return file.reading === undefined ? part : file.reading.then(() => part);
      },
      close: () => {
        assert.ok(open, 'closed twice');
        open = false;
        this.openReaders -= 1;
      },
    };
  }
}

/** Lets resolved promises continue. */
export async function turns(count = 3): Promise<void> {
  for (let turn = 0; turn < count; turn += 1) await new Promise<void>((resolve) => setImmediate(resolve));
}
