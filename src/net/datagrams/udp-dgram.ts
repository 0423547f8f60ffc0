// Datagram sockets by Node's dgram alone, for hosts without native calls. They are slower and bind to no device. A device socket is
// emulated by one at the wildcard address, for broadcasts, and one at the rack's address, which sends them: the kernel sends by the
// interface that has the address.
//
// 1. A wildcard socket cannot tell the interface, so each port has one device: loopback, or everything but loopback.

import type { Socket } from 'node:dgram';
import { existsSync } from 'node:fs';
import { systemClock } from '../../clock.ts';
import { osErrorCode, RackError } from '../../errors.ts';
import { ANY, formatIpv4, isLoopback } from '../address.ts';
import type { HostInterface } from '../host-interface.ts';
import { type HostNote, HostNotes } from '../host-note.ts';
import { deviceExists } from '../named-device.ts';
import { socketError, socketErrorFrom } from '../socket-error.ts';
import { AbsentHosts } from './absent-hosts.ts';
import type { DatagramSocket, HostNetwork, Peer, SocketRequest } from './datagram.ts';
import { believesMtuReports, MTU_REPORTS_NOTE } from './path-mtu.ts';
import { ARP_FILE, ArpTable } from './send-space.ts';
import { bind, type PortableParts, PortableSocket } from './udp-dgram-socket.ts';

/** In bytes; net.core.wmem_max may reduce it. */
const SEND_BUFFER_BYTES = 4 * 1024 * 1024;
/** The greatest age of the ARP table, in milliseconds: a host that began to send then counts as present. */
const TABLE_MS_MAX = 20;

/** `reason` says why it is used. */
export function openDgramNetwork(reason?: HostNote, sendBufferBytes = SEND_BUFFER_BYTES): HostNetwork {
  return new DgramNetwork(reason, sendBufferBytes);
}

class DgramNetwork implements HostNetwork {
  readonly kind = 'dgram';
  readonly #sockets = new Set<PortableSocket>();
  readonly #notes = new HostNotes();
  readonly #parts: PortableParts;
  #turn: Promise<unknown> = Promise.resolve();
  #closed = false;

  constructor(reason: HostNote | undefined, sendBufferBytes: number) {
    const arpTable = existsSync(ARP_FILE) ? new ArpTable(systemClock, TABLE_MS_MAX) : undefined;
    this.#parts = {
      arpTable,
      absentHosts: arpTable && new AbsentHosts(systemClock, arpTable),
      traffic: { received: 0 },
      sendBufferBytes,
      notes: this.#notes,
    };
    if (reason !== undefined) this.#notes.add(reason);
    this.#notes.add({ note: 'replies-broadcast' });
    // Node has no way to set IP_MTU_DISCOVER.
    if (process.platform === 'linux' && believesMtuReports()) this.#notes.add(MTU_REPORTS_NOTE);
  }

  get notes(): readonly HostNote[] {
    return this.#notes.list;
  }

  get received(): number {
    return this.#parts.traffic.received;
  }

  open(request: SocketRequest): Promise<DatagramSocket> {
    const run = this.#turn.then(() => this.#open(request));
    this.#turn = run.catch(() => undefined);
    return run;
  }

  interfacesChanged(interfaces: readonly HostInterface[]): void {
    for (const socket of this.#sockets) {
      const source = socket.wantedSource(interfaces);
      if (source === undefined) continue;
      const run = this.#turn.then(() => socket.openSender(source));
      // On failure the next change of an interface tries again.
      this.#turn = run.catch((error) => socket.request.onReceiveError?.(osErrorCode(error) ?? String(error)));
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#turn;
    for (const socket of [...this.#sockets]) socket.close();
  }

  async #open(request: SocketRequest): Promise<DatagramSocket> {
    if (this.#closed) throw new RackError('not-running', 'the network was closed');
    const peers = [...this.#sockets].filter((socket) => socket.localPort === request.port);
    const same = (each: PortableSocket): boolean =>
      each.localAddress === request.address && each.interfaceName === request.device;
    if (peers.some(same)) throw socketError('EADDRINUSE', request);
    if (request.device !== undefined) this.#checkDevice(request, request.device, peers);
    const receiver = await bindReceiver(request, request.shared === true && peers.length > 0);
    if (request.peer !== undefined) await connect(receiver, request, request.peer);
    const socket = new PortableSocket(this.#parts, request, receiver, (closed) => this.#sockets.delete(closed));
    const source = socket.wantedSource(undefined);
    try {
      if (source !== undefined) await socket.openSender(source);
    } catch (error) {
      // A missing address may come later; until then sending is refused and counted.
      if (osErrorCode(error) !== 'EADDRNOTAVAIL') {
        socket.close();
        throw socketErrorFrom(error, { address: source ?? ANY, port: request.port });
      }
    }
    this.#sockets.add(socket);
    return socket;
  }

  #checkDevice(request: SocketRequest, device: string, peers: readonly PortableSocket[]): void {
    if (!deviceExists(device)) throw socketError('ENODEV', request);
    const other = peers.find((socket) => socket.interfaceName !== undefined);
    if (other !== undefined) {
      throw new RackError(
        'native-unavailable',
        `${device} and ${other.interfaceName} cannot both be served on port ${request.port}: sockets cannot be bound to devices here; serve one of them, or run on Linux with glibc and the koffi package`,
      );
    }
    const loopback = request.source !== undefined && isLoopback(request.source);
    if (!loopback) {
      this.#notes.add({ note: 'port-shared', port: request.port, interface: device });
    }
  }
}

/**
 * The first receiver of a port is bound once without sharing, which detects another owner; the final one shares if our further sockets need
 * it.
 */
async function bindReceiver(request: SocketRequest, hasPeers: boolean): Promise<Socket> {
  const shared = request.shared === true || request.device !== undefined;
  try {
    if (!shared) return await bind(request.address, request.port, false);
    if (!hasPeers && request.port !== 0) await closed(await bind(request.address, request.port, false));
    return await bind(request.address, request.port, true);
  } catch (error) {
    throw socketErrorFrom(error, request);
  }
}

function connect(socket: Socket, request: SocketRequest, { address, port }: Peer): Promise<void> {
  return new Promise((resolve, reject) => {
    const refused = (error: unknown): void => {
      socket.close();
      reject(socketErrorFrom(error, request));
    };
    try {
      socket.connect(port, formatIpv4(address), (error?: Error | null) => {
        if (error === undefined || error === null) resolve();
        else refused(error);
      });
    } catch (error) {
      refused(error);
    }
  });
}

function closed(socket: Socket): Promise<void> {
  return new Promise((resolve) => socket.close(() => resolve()));
}
