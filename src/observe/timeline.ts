// The timeline: the steps of each machine, grouped by boot. It keeps the events themselves;
// sentences are made on demand.
//
//   stream ─ drain ─ take ─┬─ isOfBoot (the first), startsBoot (each further)? ─ next boot
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
import { isOfProbe } from '../ground/own-probes.ts';
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

interface Story {
  readonly mac: MacAddress;
  readonly watch: BootWatch;
  steps: TimelineStep[];
  boot: number;
  /** The time of its last event, caused by the machine or not. */
  lastAt: Instant;
  /** When the machine itself last did something: silence is measured from here. */
  heardAt: Instant;
  /** DHCP answered the machine in this boot. */
  answered: boolean;
  /** Firmware, not only iPXE or a running system, asked in this boot. */
  firmware: boolean;
  /** A file was loaded in this boot. */
  loaded: boolean;
  /** A kernel was loaded in this boot. */
  kernel: boolean;
}

const OTHER_KINDS = /^(?:dns|log|config|region|daemon|interface)\.|^boot\.hint$|^net\.router-/;
/**
 * Kinds of a machine's own actions: no other kind, such as a sighting or a change in the region,
 * starts a boot or ends a silence.
 */
const OWN_ACTION =
  /^dhcp\.(?:offer|ack|elsewhere|boot-server|nak|release|decline|inform|refused)$|^(?:tftp|http)\.(?!stalled$|timed-out$|gave-way$)/;
const ANSWERS: ReadonlySet<string> = new Set<DhcpEventKind>(['dhcp.offer', 'dhcp.ack', 'dhcp.elsewhere']);

/** True for an action of the machine itself, as far as the rack can tell. */
export const isOwnAction = ({ kind }: RackEvent): boolean => OWN_ACTION.test(kind);

/**
 * True for what a machine only does while it boots: it asks as a boot client, or loads a file. A
 * running system renews its lease, and its programs ask the region.
 */
function isOfBoot(event: RackEvent): boolean {
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
  readonly #addressClients = this.#stories();
  readonly #loaders = this.#stories();
  readonly #followers = new Set<Follower>();
  /** Whether a kind is about machines; cached for the kinds seen so far. */
  readonly #kinds = new Map<string, boolean>();
  readonly #newHosts = new RateLimit(NEW_HOST_RATE);
  #number = 0;
  #steps = 0;
  #missed = 0;

  constructor(publish: Publish) {
    this.#publish = publish;
  }

  read(stream: EventStream): void {
    const cursor = stream.subscribe(() => {
      const { events, missed } = cursor.drain(EVENTS_PER_TURN_MAX);
      this.#missed += missed;
      for (const event of events) this.take(event);
    }, 'timeline');
  }

  get missed(): number {
    return this.#missed;
  }
  get machines(): number {
    return this.#addressClients.size + this.#loaders.size;
  }

  /** The steps of a machine, the oldest first; undefined if it was not seen, or was dropped. */
  find(mac: MacAddress): readonly TimelineStep[] | undefined {
    return this.#findStory(mac)?.steps;
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
   * Calls the follower for each further step. @returns a function that ends this; undefined if
   * there are FOLLOWERS_MAX already
   */
  follow(follower: Follower): (() => void) | undefined {
    if (this.#followers.size >= FOLLOWERS_MAX) return undefined;
    this.#followers.add(follower);
    return () => this.#followers.delete(follower);
  }

  take(event: RackEvent): void {
    if (event.mac === undefined || !this.#concernsMachines(event.kind) || isOfProbe(event)) return;
    const existing = this.#findStory(event.mac);
    if (existing === undefined && isOfBystander(event) && !this.#newHosts.allows(event.at)) {
      this.#missed += 1;
      return;
    }
    const story = existing ?? this.#begin(event.mac, event.at);
    if (story.boot === 0 ? isOfBoot(event) : startsBoot(story, event)) {
      story.boot += 1;
      story.answered = false;
      story.firmware = false;
      story.loaded = false;
      story.kernel = false;
      story.watch.begin();
    }
    this.#note(story, event);
    this.#append(story, event);
    const { at, mac, address } = event;
    for (const observedHint of story.watch.observe(event)) {
      const hint: DaemonEvent = { ...observedHint, text: hintText(observedHint), kind: 'boot.hint', at, mac, address };
      this.#append(story, hint);
      this.#publish(hint);
    }
    this.#keepBounds();
  }

  /** Kinds are a closed set, so the cache is bounded. */
  #concernsMachines(kind: string): boolean {
    let concerns = this.#kinds.get(kind);
    if (concerns === undefined) {
      concerns = !OTHER_KINDS.test(kind);
      this.#kinds.set(kind, concerns);
    }
    return concerns;
  }

  #stories(): BoundedMap<MacAddress, Story> {
    return new BoundedMap(MACHINES_MAX, 'set longest ago', ({ steps }) => {
      this.#steps -= steps.length;
    });
  }

  #findStory(mac: MacAddress): Story | undefined {
    return this.#loaders.get(mac) ?? this.#addressClients.get(mac);
  }

  #begin(mac: MacAddress, at: Instant): Story {
    const watch = new BootWatch();
    return {
      mac,
      watch,
      steps: [],
      boot: 0,
      lastAt: at,
      heardAt: at,
      answered: false,
      firmware: false,
      loaded: false,
      kernel: false,
    };
  }

  #note(story: Story, event: RackEvent): void {
    story.lastAt = event.at;
    if (isOwnAction(event)) story.heardAt = event.at;
    if (ANSWERS.has(event.kind)) story.answered = true;
    if (isDhcpEvent(event) && event.kind === 'dhcp.offer' && isFirmware(event.client)) story.firmware = true;
    const file = findSentFile(event);
    if (file !== undefined) {
      story.loaded = true;
      if (isKernelFile(file)) story.kernel = true;
    }
    if (this.#loaders.has(story.mac) || story.loaded) {
      this.#addressClients.delete(story.mac);
      this.#loaders.set(story.mac, story);
    } else this.#addressClients.set(story.mac, story);
  }

  #append(story: Story, event: RackEvent): void {
    const last = story.steps.at(-1);
    if (last !== undefined && last.boot === story.boot && isSameStep(last.event, event)) {
      const again = { ...last, times: last.times + 1, lastAt: event.at };
      story.steps[story.steps.length - 1] = again;
      this.#notify(story.mac, again);
      return;
    }
    this.#number += 1;
    const step = { number: this.#number, boot: story.boot, event, times: 1, lastAt: event.at };
    story.steps.push(step);
    this.#steps += 1;
    if (story.steps.length > STEPS_PER_MACHINE_MAX) {
      // Drop an eighth at once, so that a machine at the bound does not copy its list at each step.
      const cut = STEPS_PER_MACHINE_MAX / 8;
      story.steps = story.steps.slice(cut);
      this.#steps -= cut;
    }
    this.#notify(story.mac, step);
  }

  #notify(mac: MacAddress, step: TimelineStep): void {
    for (const follower of this.#followers) follower(mac, step);
  }

  #keepBounds(): void {
    while (this.machines > MACHINES_MAX || this.#steps > STEPS_MAX) {
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
function startsBoot(story: Story, event: RackEvent): boolean {
  if (!isDhcpEvent(event) || event.kind !== 'dhcp.offer' || event.client === undefined) return false;
  if (!story.answered && !story.loaded) return false;
  if (later(story.heardAt, QUIET_MS) < event.at) return true;
  if (event.client === 'ipxe' && story.firmware) return story.kernel;
  return story.loaded || (isFirmware(event.client) && !story.firmware);
}

/** Fields that may differ between repetitions of the same event. */
const VARYING = new Set(['at', 'milliseconds', 'count', 'waitedSeconds', 'port', 'leaseSeconds', 'omitted']);

function isSameStep(a: RackEvent, b: RackEvent): boolean {
  if (a.kind !== b.kind || a.address !== b.address) return false;
  for (const name of Object.keys(a))
    if (!VARYING.has(name) && Reflect.get(a, name) !== Reflect.get(b, name)) return false;
  return true;
}
