// The timeline: the steps of each machine, grouped by boot. It keeps the events themselves;
// sentences are made on demand.
//
//   stream ─ drain ─ take ─┬─ isBootAction (the first), startsBoot (each further)? ─ next boot
//                          ├─ repeated: counted on the last step
//                          ├─ append ─ followers
//                          └─ BootWatch.observe ─ hint: appended as a step, and published for the log and the region
//
// 1. Bounded by MACHINES_MAX, STEPS_PER_MACHINE_MAX and STEPS_MAX. At a bound the oldest steps go,
//    or the machine that was silent for longest, those that only asked for an address first:
//    invented hardware addresses displace no boot.
// 2. A repeated event (renewals) is one step with a count.
// 3. Events missed because they came too fast are counted, never guessed.
// 4. New hosts that only ask for an address are admitted at NEW_HOST_RATE: in a flood each would
//    displace another before a person could look.

import { isKernelFile } from '../boot/paths.ts';
import type { DhcpEventKind } from '../dhcp/events/events.ts';
import { isOfBystander } from '../dhcp/events/everyday-events.ts';
import type { MacAddress } from '../ground/address.ts';
import { BoundedMap } from '../ground/bounded-map.ts';
import { type Instant, later } from '../ground/clock.ts';
import type { Publish, RackEvent } from '../ground/event.ts';
import { isProbeEvent } from '../ground/own-probes.ts';
import { type Rate, RateLimit } from '../ground/rate-limit.ts';
import type { DaemonEvent } from '../region/reports/daemon-events.ts';
import { hintText } from '../region/reports/hints.ts';
import { EVENTS_PER_TURN_MAX, type EventStream } from './event-stream.ts';
import { BootWatch } from './hints.ts';
import { FILE_SENT_KINDS, isDhcpEvent } from './protocol-events.ts';

/** The most machines kept. */
export const MACHINES_MAX = 4096;
/** The most steps of one machine; a boot has 30 to 60. */
export const STEPS_PER_MACHINE_MAX = 256;
/** The most steps of all machines. Each holds its event: 370 bytes measured, so 15 MB in all. */
export const STEPS_MAX = 40_000;
/** The rate at which new hosts that do not boot are admitted; ample for a hall that is powered on at once. */
export const NEW_HOST_RATE: Rate = { perSecond: 100, burst: MACHINES_MAX / 2 };
/** After this much silence of the machine, in milliseconds, a request of firmware starts a new boot. */
export const QUIET_MS = 120_000;
/** The most concurrent followers. */
export const FOLLOWERS_MAX = 32;

/** One step of a machine. */
export interface TimelineStep {
  /** Grows over the steps of all machines; a repeated step keeps its number. */
  readonly number: number;
  /** The number of the machine's boot since the process started, from 1; 0 before its first boot. */
  readonly boot: number;
  readonly event: RackEvent;
  readonly times: number;
  readonly lastAt: Instant;
}

/** Called for each step as it happens, and again when it repeats. */
type Follower = (mac: MacAddress, step: TimelineStep) => void;

interface MachineRecord {
  readonly mac: MacAddress;
  readonly watch: BootWatch;
  steps: TimelineStep[];
  boot: number;
  /** The time of its last event, caused by the machine or not. */
  lastAt: Instant;
  /** When the machine itself last did something: silence is measured from here. */
  heardAt: Instant;
  /** DHCP answered the machine in this boot. */
  isAnswered: boolean;
  /** Firmware, not only iPXE or a running system, asked in this boot. */
  hasFirmware: boolean;
  /** A file was loaded in this boot. */
  hasLoaded: boolean;
  /** A kernel was loaded in this boot. */
  hasKernel: boolean;
}

const NON_MACHINE_KINDS = /^(?:dns|log|config|region|daemon|interface)\.|^boot\.hint$|^net\.router-/;
/**
 * Kinds of a machine's own actions: no other kind, such as a sighting or a change in the region,
 * starts a boot or ends a silence.
 */
const OWN_ACTION_KINDS =
  /^dhcp\.(?:offer|ack|elsewhere|boot-server|nak|release|decline|inform|refused)$|^(?:tftp|http)\.(?!stalled$|timed-out$|gave-way$)/;
const ANSWER_KINDS: ReadonlySet<string> = new Set<DhcpEventKind>(['dhcp.offer', 'dhcp.ack', 'dhcp.elsewhere']);

/** True for an action of the machine itself, as far as the rack can tell. */
export const isOwnAction = ({ kind }: RackEvent): boolean => OWN_ACTION_KINDS.test(kind);

/**
 * True for what a machine only does while it boots: it asks as a boot client, or loads a file. A
 * running system renews its lease, and its programs ask the region.
 */
function isBootAction(event: RackEvent): boolean {
  if (!isOwnAction(event)) return false;
  if (isDhcpEvent(event)) return event.client !== undefined;
  return event.kind !== 'http.posted' && event.kind !== 'http.forwarded';
}

/** The steps of all machines. */
export class Timeline {
  readonly #publish: Publish;
  /**
   * Machines that only asked for an address, and machines that loaded something; each with the
   * longest silent first.
   */
  readonly #addressClients = this.#createRecords();
  readonly #loaders = this.#createRecords();
  readonly #followers = new Set<Follower>();
  /** Whether a kind is about machines, cached for the kinds seen so far. */
  readonly #concernsByKind = new Map<string, boolean>();
  readonly #newHostLimit = new RateLimit(NEW_HOST_RATE);
  #lastNumber = 0;
  #stepCount = 0;
  #missedCount = 0;

  constructor(publish: Publish) {
    this.#publish = publish;
  }

  read(stream: EventStream): void {
    const cursor = stream.subscribe(() => {
      const { events, missed } = cursor.drain(EVENTS_PER_TURN_MAX);
      this.#missedCount += missed;
      for (const event of events) this.take(event);
    }, 'timeline');
  }

  get missed(): number {
    return this.#missedCount;
  }
  get machines(): number {
    return this.#addressClients.size + this.#loaders.size;
  }

  /** The steps of a machine, the oldest first; `undefined` if it was not seen, or was dropped. */
  find(mac: MacAddress): readonly TimelineStep[] | undefined {
    return this.#findRecord(mac)?.steps;
  }

  /** The machines with their last steps, the most recent first, at most `limit`. */
  latest(limit: number): readonly { readonly mac: MacAddress; readonly step: TimelineStep }[] {
    return [...this.#addressClients.values(), ...this.#loaders.values()]
      .toSorted((a, b) => b.lastAt - a.lastAt)
      .slice(0, limit)
      .flatMap(({ mac, steps }) => {
        const step = steps.at(-1);
        return step === undefined ? [] : [{ mac, step }];
      });
  }

  /**
   * Calls the follower for each further step.
   * @returns a function that ends this; `undefined` if there are FOLLOWERS_MAX already
   */
  follow(follower: Follower): (() => void) | undefined {
    if (this.#followers.size >= FOLLOWERS_MAX) return undefined;
    this.#followers.add(follower);
    return () => this.#followers.delete(follower);
  }

  take(event: RackEvent): void {
    if (event.mac === undefined || !this.#concernsMachines(event.kind) || isProbeEvent(event)) return;
    const existing = this.#findRecord(event.mac);
    if (existing === undefined && isOfBystander(event) && !this.#newHostLimit.allows(event.at)) {
      this.#missedCount += 1;
      return;
    }
    const record = existing ?? this.#createRecord(event.mac, event.at);
    if (record.boot === 0 ? isBootAction(event) : startsBoot(record, event)) {
      record.boot += 1;
      record.isAnswered = false;
      record.hasFirmware = false;
      record.hasLoaded = false;
      record.hasKernel = false;
      record.watch.begin();
    }
    this.#updateRecord(record, event);
    this.#append(record, event);
    const { at, mac, address } = event;
    for (const observedHint of record.watch.observe(event)) {
      const hint: DaemonEvent = { ...observedHint, text: hintText(observedHint), kind: 'boot.hint', at, mac, address };
      this.#append(record, hint);
      this.#publish(hint);
    }
    this.#enforceBounds();
  }

  /** Kinds are a closed set, so the cache is bounded. */
  #concernsMachines(kind: string): boolean {
    let concerns = this.#concernsByKind.get(kind);
    if (concerns === undefined) {
      concerns = !NON_MACHINE_KINDS.test(kind);
      this.#concernsByKind.set(kind, concerns);
    }
    return concerns;
  }

  #createRecords(): BoundedMap<MacAddress, MachineRecord> {
    return new BoundedMap(MACHINES_MAX, 'set longest ago', ({ steps }) => {
      this.#stepCount -= steps.length;
    });
  }

  #findRecord(mac: MacAddress): MachineRecord | undefined {
    return this.#loaders.get(mac) ?? this.#addressClients.get(mac);
  }

  #createRecord(mac: MacAddress, at: Instant): MachineRecord {
    const watch = new BootWatch();
    return {
      mac,
      watch,
      steps: [],
      boot: 0,
      lastAt: at,
      heardAt: at,
      isAnswered: false,
      hasFirmware: false,
      hasLoaded: false,
      hasKernel: false,
    };
  }

  #updateRecord(record: MachineRecord, event: RackEvent): void {
    record.lastAt = event.at;
    if (isOwnAction(event)) record.heardAt = event.at;
    if (ANSWER_KINDS.has(event.kind)) record.isAnswered = true;
    if (isDhcpEvent(event) && event.kind === 'dhcp.offer' && isFirmware(event.client)) record.hasFirmware = true;
    const file = findSentFile(event);
    if (file !== undefined) {
      record.hasLoaded = true;
      if (isKernelFile(file)) record.hasKernel = true;
    }
    if (this.#loaders.has(record.mac) || record.hasLoaded) {
      this.#addressClients.delete(record.mac);
      this.#loaders.set(record.mac, record);
    } else this.#addressClients.set(record.mac, record);
  }

  #append(record: MachineRecord, event: RackEvent): void {
    const lastStep = record.steps.at(-1);
    if (lastStep !== undefined && lastStep.boot === record.boot && isSameStep(lastStep.event, event)) {
      const repeatedStep = { ...lastStep, times: lastStep.times + 1, lastAt: event.at };
      record.steps[record.steps.length - 1] = repeatedStep;
      this.#notify(record.mac, repeatedStep);
      return;
    }
    this.#lastNumber += 1;
    const step = { number: this.#lastNumber, boot: record.boot, event, times: 1, lastAt: event.at };
    record.steps.push(step);
    this.#stepCount += 1;
    if (record.steps.length > STEPS_PER_MACHINE_MAX) {
      // Drop an eighth at once, so that a machine at the bound does not copy its list at each step.
      const dropCount = STEPS_PER_MACHINE_MAX / 8;
      record.steps = record.steps.slice(dropCount);
      this.#stepCount -= dropCount;
    }
    this.#notify(record.mac, step);
  }

  #notify(mac: MacAddress, step: TimelineStep): void {
    for (const follower of this.#followers) follower(mac, step);
  }

  #enforceBounds(): void {
    while (this.machines > MACHINES_MAX || this.#stepCount > STEPS_MAX) {
      if (!this.#addressClients.forgetOldest() && !this.#loaders.forgetOldest()) return;
    }
  }
}

const isFirmware = (client: string | undefined): boolean => client !== undefined && client !== 'ipxe';

function findSentFile(event: RackEvent): string | undefined {
  if (!FILE_SENT_KINDS.has(event.kind)) return undefined;
  return 'file' in event && typeof event.file === 'string' ? event.file : '';
}

/**
 * True for a DISCOVER that starts a boot: from firmware, or from iPXE in the card, after a file was
 * loaded or after a long silence. An iPXE that firmware loaded, and the system that runs at the
 * end, belong to the boot that loaded them.
 */
function startsBoot(record: MachineRecord, event: RackEvent): boolean {
  if (!isDhcpEvent(event) || event.kind !== 'dhcp.offer' || event.client === undefined) return false;
  if (!record.isAnswered && !record.hasLoaded) return false;
  if (later(record.heardAt, QUIET_MS) < event.at) return true;
  if (event.client === 'ipxe' && record.hasFirmware) return record.hasKernel;
  return record.hasLoaded || (isFirmware(event.client) && !record.hasFirmware);
}

/** Fields that may differ between repetitions of the same event. */
const VARYING_FIELDS = new Set(['at', 'milliseconds', 'count', 'waitedSeconds', 'port', 'leaseSeconds', 'omitted']);

function isSameStep(a: RackEvent, b: RackEvent): boolean {
  if (a.kind !== b.kind || a.address !== b.address) return false;
  for (const name of Object.keys(a))
    if (!VARYING_FIELDS.has(name) && Reflect.get(a, name) !== Reflect.get(b, name)) return false;
  return true;
}
