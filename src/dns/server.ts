// The DNS server: opens UDP and TCP on each address, and the sockets towards the upstreams. The only file of the room that opens
// anything.
// Sources: RFC 1035 §4.2; RFC 7766 §5 (TCP is not optional), §6.2.
//
// 1. UDP and TCP of an address are opened together; a listener that does not change stays open across `configure`.
// 2. `configure` takes over a configuration whole, or throws and leaves everything as it was.
// 3. An address that is not here yet takes nothing down: UDP is bound to it all the same, TCP as soon as it comes.
// 4. Bounds: CONNECTIONS_MAX, CLIENT_CONNECTIONS_MAX; beyond, an idle connection makes room, else the new one is refused.

import { connect, createServer, type Server, type Socket } from 'node:net';
import type { Clock, Timer } from '../clock.ts';
import { osErrorCode, RackError } from '../errors.ts';
import type { Publish } from '../event.ts';
import { ANY, formatIpv4, type Ipv4, parseIpv4 } from '../net/address.ts';
import type {
  DatagramNetwork,
  DatagramSocket,
  OutgoingDatagram,
  ReceivedDatagram,
  SocketCounters,
} from '../net/datagram.ts';
import { socketErrorFrom } from '../net/socket-error.ts';
import type { DnsConfig, DnsUpstream } from './config.ts';
import type { DnsCounter, DnsEvent } from './events.ts';
import { EXCHANGE_MS } from './forward.ts';
import { TCP_OCTETS_MAX } from './message.ts';
import type { Names } from './names.ts';
import { DnsService, UPSTREAM_SOCKETS } from './service.ts';
import { Connection, FrameReader, frame } from './stream.ts';

/** Open TCP connections of clients. */
export const CONNECTIONS_MAX = 256;
/** Open TCP connections of one client. */
export const CLIENT_CONNECTIONS_MAX = 32;
/** How often TCP is tried on an address that is not here yet, in milliseconds. */
const RELISTEN_MS = 1_000;
/** How often one of the sockets towards the upstreams gets another port, in milliseconds. */
const ROTATE_MS = 15_000;

export interface DnsServerDeps {
  readonly network: DatagramNetwork;
  readonly clock: Clock;
  readonly publish: Publish;
  readonly names: Names;
}

/** One address served. */
interface Listener {
  readonly address: Ipv4;
  readonly udp: DatagramSocket;
  tcp: Server | undefined;
  retry: Timer | undefined;
  closed: boolean;
}

/** The DNS server of the rack. */
export class DnsServer {
  readonly #deps: DnsServerDeps;
  readonly #service: DnsService;
  readonly #listeners = new Map<string, Listener>();
  /** Least recently active first. */
  readonly #connections = new Set<Connection>();
  #upstreamSockets: DatagramSocket[] = [];
  #rotation: Timer | undefined;
  #turn: Promise<void> = Promise.resolve();
  #closed = false;

  constructor(deps: DnsServerDeps) {
    this.#deps = deps;
    const { clock, names, publish } = deps;
    const upstream = {
      send: (socket: number, to: DnsUpstream, bytes: Uint8Array) => this.#sendUpstream(socket, to, bytes),
      stream: (exchange: number, to: DnsUpstream, bytes: Uint8Array) => this.#stream(exchange, to, bytes),
    };
    this.#service = new DnsService({ clock, publish, names, upstream });
  }

  /**
   * Serves as `config` says: opens what is new, closes what is gone, keeps the rest. Calls run one after another.
   *
   * @throws RackError `address-in-use`, `permission-denied` and what `DatagramNetwork.open` throws; then nothing has changed.
   */
  configure(config: DnsConfig): Promise<void> {
    const run = this.#turn.then(() => this.#configure(config));
    this.#turn = run.catch(() => {});
    return run;
  }

  /** What is listened on; the port is the real one when 0 was configured. */
  get listeners(): readonly { readonly address: Ipv4; readonly port: number; readonly tcp: boolean }[] {
    return [...this.#listeners.values()].map(({ address, udp, tcp }) => ({
      address,
      port: udp.localPort,
      tcp: tcp !== undefined,
    }));
  }

  /** What happened to queries so far. */
  counters(): Readonly<Record<DnsCounter, number>> {
    return this.#service.counters.read();
  }

  /** Sizes for the metrics: open TCP connections of clients, and answers of upstreams remembered. */
  get gauges(): { readonly connections: number; readonly cached: number } {
    return { connections: this.#connections.size, cached: this.#service.cached };
  }

  /** What the sockets towards clients counted that are open now. */
  sockets(): readonly SocketCounters[] {
    return [...this.#listeners.values()].map(({ udp }) => udp.counters());
  }

  /** Answers those who wait with SERVFAIL and closes everything. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#turn;
    this.#service.close();
    this.#rotation?.cancel();
    for (const connection of [...this.#connections]) connection.close();
    for (const socket of this.#upstreamSockets) socket.close();
    this.#upstreamSockets = [];
    const listeners = [...this.#listeners.values()];
    this.#listeners.clear();
    await Promise.all(listeners.map(closeListener));
  }

  async #configure(config: DnsConfig): Promise<void> {
    if (this.#closed) throw new RackError('not-running', 'the DNS server was closed');
    const wanted = new Map(config.listen.map((address) => [`${address}:${config.listenPort}`, address]));
    const opened = new Map<string, Listener>();
    try {
      for (const [key, address] of wanted) {
        if (!this.#listeners.has(key)) opened.set(key, await this.#listen(address, config.listenPort));
      }
      const forwards = config.upstream.length > 0 || (config.forwardZones?.length ?? 0) > 0;
      if (forwards && this.#upstreamSockets.length === 0) await this.#openUpstreamSockets();
      this.#service.configure(config);
    } catch (error) {
      await Promise.all([...opened.values()].map(closeListener));
      throw error;
    }
    for (const [key, listener] of [...this.#listeners]) {
      if (wanted.has(key)) continue;
      this.#listeners.delete(key);
      await closeListener(listener);
    }
    for (const [key, listener] of opened) {
      this.#listeners.set(key, listener);
      this.#publish({ kind: 'dns.listening', address: listener.address, port: listener.udp.localPort });
      if (listener.tcp === undefined) this.#relisten(listener);
    }
  }

  async #listen(address: Ipv4, port: number): Promise<Listener> {
    const udp = await this.#deps.network.open({
      address,
      port,
      freebind: true,
      onDatagrams: (datagrams, socket) => this.#receive(datagrams, socket),
    });
    try {
      const tcp = await this.#listenTcp(address, udp.localPort);
      return { address, udp, tcp, retry: undefined, closed: false };
    } catch (error) {
      if (osErrorCode(error) === 'EADDRNOTAVAIL') {
        return { address, udp, tcp: undefined, retry: undefined, closed: false };
      }
      udp.close();
      throw socketErrorFrom(error, { address, port: udp.localPort, protocol: 'TCP', setting: 'dns.listen' });
    }
  }

  #listenTcp(address: Ipv4, port: number): Promise<Server> {
    return new Promise((resolve, reject) => {
      const server = createServer({ allowHalfOpen: true }, (socket) => this.#accept(socket));
      server.once('error', reject);
      server.listen({ host: formatIpv4(address), port, exclusive: true }, () => {
        server.off('error', reject);
        // After listening, an error is one of accepting (too many open files): the next connection is tried anew.
        server.on('error', () => this.#service.counters.add('tcp-refused'));
        resolve(server);
      });
    });
  }

  /** Tries TCP again until the address is here. */
  #relisten(listener: Listener): void {
    const { address, udp } = listener;
    this.#publish({ kind: 'dns.listener-waiting', address, port: udp.localPort });
    const attempt = async (): Promise<void> => {
      try {
        const tcp = await this.#listenTcp(address, udp.localPort);
        if (listener.closed) tcp.close();
        else {
          listener.tcp = tcp;
          this.#publish({ kind: 'dns.listening', address, port: udp.localPort, reason: 'TCP' });
        }
      } catch {
        // Whatever the reason, UDP is served and TCP stays wanted.
        if (!listener.closed) schedule();
      }
    };
    const schedule = (): void => {
      listener.retry = this.#deps.clock.schedule(RELISTEN_MS, () => void attempt());
    };
    schedule();
  }

  #receive(datagrams: readonly ReceivedDatagram[], socket: DatagramSocket): void {
    const replies: OutgoingDatagram[] = [];
    for (const { bytes, from, fromPort } of datagrams) {
      // Port 0 cannot be answered.
      const handled = fromPort === 0 ? undefined : this.#service.handle(bytes, from, 'udp');
      if (handled === undefined) continue;
      const to = { kind: 'unicast', address: from, port: fromPort } as const;
      if (handled instanceof Uint8Array) replies.push({ bytes: handled, to });
      else this.#service.forward(handled, from, (reply) => socket.send([{ bytes: reply, to }]));
    }
    if (replies.length > 0) socket.send(replies);
  }

  #accept(socket: Socket): void {
    const client = parseIpv4(socket.remoteAddress ?? '');
    if (client === undefined || this.#closed || !this.#makeRoom(client)) {
      this.#service.counters.add('tcp-refused');
      socket.destroy();
      return;
    }
    this.#service.counters.add('tcp-accepted');
    const connection = new Connection(socket, client, this.#deps.clock, {
      onMessage: (message, from) => this.#receiveMessage(message, from),
      onActive: (active) => {
        // Moves it to the end: the set is ordered by activity.
        if (this.#connections.delete(active)) this.#connections.add(active);
      },
      onClosed: (gone, wasIdle) => {
        this.#connections.delete(gone);
        if (wasIdle) this.#service.counters.add('tcp-idle');
      },
    });
    this.#connections.add(connection);
  }

  /** True when one more connection of this client may be open, closing the one that was idle for longest if need be. */
  #makeRoom(client: Ipv4): boolean {
    let own = 0;
    for (const connection of this.#connections) if (connection.client === client) own += 1;
    if (own >= CLIENT_CONNECTIONS_MAX) return false;
    if (this.#connections.size < CONNECTIONS_MAX) return true;
    for (const connection of this.#connections) {
      if (!connection.isIdle) continue;
      this.#connections.delete(connection);
      connection.close();
      return true;
    }
    return false;
  }

  #receiveMessage(message: Uint8Array, connection: Connection): void {
    const handled = this.#service.handle(message, connection.client, 'tcp');
    if (handled === undefined || handled instanceof Uint8Array) connection.answer(handled);
    else this.#service.forward(handled, connection.client, (reply) => connection.answer(reply));
  }

  async #openUpstreamSockets(): Promise<void> {
    const sockets: DatagramSocket[] = [];
    try {
      for (let index = 0; index < UPSTREAM_SOCKETS; index += 1) sockets.push(await this.#openUpstreamSocket(index));
    } catch (error) {
      for (const socket of sockets) socket.close();
      throw error;
    }
    this.#upstreamSockets = sockets;
    this.#rotate(0);
  }

  #openUpstreamSocket(index: number): Promise<DatagramSocket> {
    return this.#deps.network.open({
      address: ANY,
      port: 0,
      onDatagrams: (datagrams) => {
        for (const { bytes, from, fromPort } of datagrams) this.#service.receive(index, from, fromPort, bytes);
      },
    });
  }

  /** Now and then one socket gives way to one with another port, so that ports stay hard to guess (RFC 5452 §9.2). */
  #rotate(index: number): void {
    const { clock } = this.#deps;
    this.#rotation = clock.schedule(ROTATE_MS, async () => {
      try {
        const next = await this.#openUpstreamSocket(index);
        const old = this.#upstreamSockets[index];
        if (old === undefined || this.#closed) {
          next.close();
          return;
        }
        this.#upstreamSockets[index] = next;
        // What was asked from the old one may still be answered.
        clock.schedule(EXCHANGE_MS, () => old.close());
      } catch {
        // The old socket stays; the next turn tries again.
      }
      if (!this.#closed) this.#rotate((index + 1) % UPSTREAM_SOCKETS);
    });
  }

  #sendUpstream(socket: number, to: DnsUpstream, bytes: Uint8Array): void {
    this.#upstreamSockets[socket]?.send([{ bytes, to: { kind: 'unicast', address: to.address, port: to.port } }]);
  }

  /** Asks an upstream over TCP: one connection, one question, closed when answered or too late. */
  #stream(exchange: number, to: DnsUpstream, bytes: Uint8Array): void {
    const frames = new FrameReader(TCP_OCTETS_MAX);
    const socket = connect({ host: formatIpv4(to.address), port: to.port });
    let timer: Timer | undefined;
    let done = false;
    const finish = (message: Uint8Array | undefined): void => {
      if (done) return;
      done = true;
      timer?.cancel();
      socket.destroy();
      this.#service.receiveStream(exchange, message);
    };
    timer = this.#deps.clock.schedule(EXCHANGE_MS, () => finish(undefined));
    socket.on('connect', () => socket.write(frame(bytes)));
    socket.on('data', (chunk) => {
      frames.feed(chunk);
      const message = frames.next();
      if (message !== undefined) finish(message);
    });
    socket.on('error', () => finish(undefined));
    socket.on('close', () => finish(undefined));
  }

  #publish(event: Omit<DnsEvent, 'at'>): void {
    const full: DnsEvent = { ...event, at: this.#deps.clock.now() };
    this.#deps.publish(full);
  }
}

async function closeListener(listener: Listener): Promise<void> {
  listener.closed = true;
  listener.retry?.cancel();
  listener.udp.close();
  const { tcp } = listener;
  if (tcp === undefined) return;
  await new Promise<void>((resolve) => {
    // Connections that are open already end by themselves; the port is free at once.
    tcp.close();
    resolve();
  });
}
