// A rack's process in virtual time that can be killed and restarted: data on disk (leases, the outbox, the cached state) stays, memory is
// lost. The uplink's thread is an object here that exchanges copied messages with the rack, and may die alone.

import { mkdirSync } from 'node:fs';
import type { RackConfig } from '../../src/config/rack-config.ts';
import { describeRack } from '../../src/daemon/rack/description.ts';
import { Rack } from '../../src/daemon/rack/rack.ts';
import { describeKnownHosts } from '../../src/daemon/rack/region-side.ts';
import { LeaseTable } from '../../src/dhcp/leases/lease-table.ts';
import type { Clock } from '../../src/ground/clock.ts';
import type { RackEvent } from '../../src/ground/event.ts';
import { parseDesiredState } from '../../src/machines/desired-state.ts';
import { type DesiredState, EMPTY_DESIRED_STATE } from '../../src/machines/machine.ts';
import type { HostInterface } from '../../src/net/host-interface.ts';
import { EventStream } from '../../src/observe/event-stream.ts';
import type { RackReport } from '../../src/region/records/machine-event.ts';
import { openOutboxStore } from '../../src/store/outbox/outbox-database.ts';
import type { LinkTransport } from '../../src/uplink/link-transport.ts';
import type { RackMessage, RegionMessage } from '../../src/uplink/messages.ts';
import type { OutboxStore } from '../../src/uplink/outbox-store.ts';
import { RackUplink, type UplinkThread } from '../../src/uplink/rack-uplink.ts';
import type { RegionKey } from '../../src/uplink/region-key.ts';
import { RegionLink } from '../../src/uplink/region-link.ts';
import { memoryTree, SlowJournal } from './rack-parts.ts';
import type { VirtualWire } from './virtual-wire.ts';

/** How long a message between threads takes: long enough for one of them to die meanwhile. */
const MESSAGE_MS = 40;
/** An event that the rack itself does not publish here; its text has the number. */
export const TICK_KIND = 'config.needs-restart';

interface ChaosRackParts {
  readonly clock: Clock;
  readonly config: RackConfig;
  readonly host: readonly HostInterface[];
  readonly wire: VirtualWire;
  readonly files: ReadonlyMap<string, Buffer>;
  readonly transport: LinkTransport;
  readonly key: RegionKey;
  readonly uuid: string;
}

/** One run of the process. */
interface Life {
  readonly stream: EventStream;
  readonly rack: Rack;
  readonly uplink: RackUplink;
}

export class ChaosRack {
  readonly #parts: ChaosRackParts;
  readonly table = new LeaseTable();
  /** The ticks that were written to disk, in order. */
  readonly durable: number[] = [];
  #cache = '';
  #lives = 0;
  #life: Life | undefined;
  #thread: ChaosThread | undefined;

  constructor(parts: ChaosRackParts) {
    this.#parts = parts;
    mkdirSync(parts.config.stateDir, { recursive: true });
  }

  get running(): Life | undefined {
    return this.#life;
  }

  async start(): Promise<void> {
    const { clock, config, host, wire, files, uuid } = this.#parts;
    this.#lives += 1;
    const stream = new EventStream(clock);
    const rack = new Rack(
      {
        clock,
        ...wire.rackEnd(),
        journal: new SlowJournal(clock),
        table: this.table,
        tree: memoryTree(files),
        publish: stream.publish,
        passing: { rackSecret: '' },
      },
      config,
    );
    const cached = this.#readCache();
    rack.setDesiredState(cached);
    const uplink = new RackUplink({
      mode: 'remote',
      startThread: () => this.#startThread(),
      rack: () => describeRack(config, uuid, '0.1.0'),
      imageTree: () => '/tree',
      life: `life-${this.#lives}`,
      clock,
      stream,
      knownHosts: describeKnownHosts(() => rack),
      publish: stream.publish,
      cachedState: { version: cached.version, sinceMs: undefined },
      onDesiredState: async (state) => rack.setDesiredState(state),
      onListening: () => undefined,
      onProblem: (id, text) => {
        throw new Error(`${id}: ${text}`);
      },
      onTrouble: () => undefined,
    });
    this.#life = { stream, rack, uplink };
    await rack.open(host);
    uplink.start();
  }

  /** Kills the process. */
  async kill(): Promise<void> {
    const life = this.#life;
    this.#life = undefined;
    // A dead process starts no thread again.
    this.#thread?.die(false);
    this.#thread = undefined;
    void life?.uplink.close(0);
    await life?.rack.close();
  }

  /** Kills only the uplink's thread. */
  killThread(): void {
    this.#thread?.die(true);
  }

  publish(event: RackEvent): void {
    this.#life?.stream.publish(event);
  }

  #readCache(): DesiredState {
    if (this.#cache === '') return EMPTY_DESIRED_STATE;
    const parsed = parseDesiredState(JSON.parse(this.#cache));
    if (!parsed.ok) throw new Error(parsed.problem);
    return parsed.state;
  }

  #startThread(): UplinkThread {
    const { clock, transport, key, config } = this.#parts;
    const outbox = this.#recording(openOutboxStore({ stateDir: config.stateDir }));
    const thread = new ChaosThread(clock, outbox, (send) => {
      const saveState = (state: DesiredState): void => {
        this.#cache = JSON.stringify(state);
      };
      const listImages = (): [] => [];
      return new RegionLink({ clock, transport, outbox, key, keyFile: 'region.key', listImages, saveState, send });
    });
    this.#thread = thread;
    return thread;
  }

  /** The store, recording each tick that it has accepted. */
  #recording(store: OutboxStore): OutboxStore {
    return new Proxy(store, {
      get: (target, name) => {
        if (name === 'addReports') {
          return (life: string, reports: readonly RackReport[], lost: number) => {
            const known = target.readStoredSequence(life);
            const admission = target.addReports(life, reports, lost);
            for (const { sequence, kind, text } of reports)
              if (sequence > known && kind === TICK_KIND) this.durable.push(tickOf(text));
            return admission;
          };
        }
        const value: unknown = Reflect.get(target, name, target);
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
  }
}

/** The number in a tick's text. */
export function tickOf(text: string): number {
  const number = /tick (\d+)/.exec(text)?.[1];
  if (number === undefined) throw new Error(`no tick: ${text}`);
  return Number(number);
}

class ChaosThread implements UplinkThread {
  readonly #clock: Clock;
  readonly #outbox: OutboxStore;
  readonly #link: RegionLink;
  readonly #listeners: { readonly event: string; readonly listener: (value: never) => void }[] = [];
  #isDead = false;

  constructor(clock: Clock, outbox: OutboxStore, makeLink: (send: (message: RegionMessage) => void) => RegionLink) {
    this.#clock = clock;
    this.#outbox = outbox;
    this.#link = makeLink((message) => {
      const copy = structuredClone(message);
      clock.schedule(MESSAGE_MS, () => {
        if (!this.#isDead) this.#emit('message', copy);
      });
    });
  }

  on(event: string, listener: (value: never) => void): void {
    this.#listeners.push({ event, listener });
  }

  once(event: string, listener: (value: never) => void): void {
    this.on(event, listener);
  }

  postMessage(message: RackMessage): void {
    const copy = structuredClone(message);
    this.#clock.schedule(MESSAGE_MS, () => {
      if (!this.#isDead) this.#link.receive(copy);
    });
  }

  async terminate(): Promise<void> {
    this.die(true);
  }

  /** @param isSeen true if the process survives and notices it */
  die(isSeen: boolean): void {
    if (this.#isDead) return;
    this.#isDead = true;
    this.#link.close();
    this.#outbox.close();
    if (isSeen) this.#emit('exit', undefined);
  }

  #emit(event: string, value: unknown): void {
    for (const one of this.#listeners) if (one.event === event) Reflect.apply(one.listener, undefined, [value]);
  }
}
