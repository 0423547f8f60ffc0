// The timeline: what each machine did, step by step, boot by boot. A reader of the event stream that keeps, for each hardware
// address, the events themselves; sentences are made when somebody looks.
//
//   stream ─ drain ─ take ─┬─ startsBoot? ─ next boot
//                          ├─ the same again: counted on the last step
//                          ├─ append ─ followers
//                          └─ BootWatch.look ─ hint: a step at once, and published for the log and the region
//
// 1. Bounded by MACHINES_MAX, STEPS_PER_MACHINE_MAX and STEPS_MAX; at a bound the oldest steps, or the machine that was silent for
//    longest, go. Machines that did no more than ask for an address go before those that loaded something, so a flood of invented
//    hardware addresses does not wash away a boot.
// 2. An event that happens again and again (renewals) is one step with a count.
// 3. What was missed because events came too fast is counted, never guessed.
// 4. A host that only asks for an address, and does not boot, begins a story at NEWCOMER_RATE: of twenty thousand new ones a second each
//    story would be gone before anybody could look, and would have taken that of another with it.

import { BoundedMap } from '../bounded-map.ts';
import { type Instant, later } from '../clock.ts';
import type { DhcpEventKind } from '../dhcp/events.ts';
import { isOfBystander } from '../dhcp/everyday-events.ts';
import type { Publish, RackEvent } from '../event.ts';
import type { MacAddress } from '../net/address.ts';
import { isOfProbe } from '../own-probes.ts';
import { type Rate, RateLimit } from '../rate-limit.ts';
import { EVENTS_PER_TURN_MAX, type EventStream } from './event-stream.ts';
import type { ObserveEvent } from './events.ts';
import { BootWatch, isKernelFile } from './hints.ts';
import { isDhcpEvent } from './sentences/dhcp.ts';

/** Machines that are remembered. */
export const MACHINES_MAX = 4096;
/** Steps of one machine; a boot has 30 to 60. */
export const STEPS_PER_MACHINE_MAX = 256;
/** Steps of all machines together. Each holds its event: 370 bytes were measured, so 15 MB in all. */
export const STEPS_MAX = 40_000;
/** Hosts nobody heard of that do not boot, and begin to be remembered; a hall of them that is switched on has room. */
export const NEWCOMER_RATE: Rate = { perSecond: 100, burst: MACHINES_MAX / 2 };
/** So much silence before firmware asks again is a boot of its own. */
export const QUIET_MS = 120_000;
/** So many people may follow at a time. */
export const FOLLOWERS_MAX = 32;

/** One step of a machine. */
export interface TimelineStep {
  /** Grows through all steps of all machines; a step that is counted on keeps its number. */
  readonly number: number;
  /** Which boot of the machine, from 1; counted since the process began. 0: nothing of a boot was heard yet. */
  readonly boot: number;
  readonly event: RackEvent;
  /** How often it happened in a row. */
  readonly times: number;
  /** When it happened last. */
  readonly lastAt: Instant;
}

/** Told of each step as it happens, and again when it is counted on. */
export type Follower = (mac: MacAddress, step: TimelineStep) => void;

interface Story {
  readonly mac: MacAddress;
  readonly watch: BootWatch;
  steps: TimelineStep[];
  boot: number;
  lastAt: Instant;
  /** It was answered by DHCP in this boot. */
  answered: boolean;
  /** Firmware, and not only a running system or iPXE, asked in this boot. */
  firmware: boolean;
  /** Something was loaded in this boot. */
  loaded: boolean;
  /** A kernel was loaded in this boot. */
  kernel: boolean;
}

/** Kinds that say nothing of what a machine does. */
const OTHER_KINDS = /^(?:dns|log|config|region|daemon|interface)\.|^boot\.hint$|^net\.router-/;
/** Kinds of what a machine does itself: with any other, such as a sighting or a change of the region, no boot begins. */
const OF_MACHINE = /^(?:dhcp|tftp|http)\.(?!expired$|ended$)/;
/** Kinds with which DHCP answers a machine. */
const ANSWERS: ReadonlySet<string> = new Set<DhcpEventKind>(['dhcp.offer', 'dhcp.ack', 'dhcp.elsewhere']);
/** Kinds with which a machine has got a file. */
const FILES: ReadonlySet<string> = new Set(['tftp.sent', 'http.file-sent', 'http.rendered']);

/** The steps of all machines. */
export class Timeline {
  readonly #publish: Publish;
  /** Those that only asked for an address, then those that loaded something; the one silent for longest first. */
  readonly #askers = this.#stories();
  readonly #loaders = this.#stories();
  readonly #followers = new Set<Follower>();
  /** Of the kinds that came so far: whether they say what a machine does. */
  readonly #kinds = new Map<string, boolean>();
  readonly #newcomers = new RateLimit(NEWCOMER_RATE);
  #number = 0;
  #steps = 0;
  #missed = 0;

  /** @param publish where hints go */
  constructor(publish: Publish) {
    this.#publish = publish;
  }

  /** Reads a stream from now on. */
  read(stream: EventStream): void {
    const cursor = stream.subscribe(() => {
      const { events, missed } = cursor.drain(EVENTS_PER_TURN_MAX);
      this.#missed += missed;
      for (const event of events) this.take(event);
    }, 'timeline');
  }

  /** Events that came faster than they could be taken. */
  get missed(): number {
    return this.#missed;
  }
  get machines(): number {
    return this.#askers.size + this.#loaders.size;
  }
  get steps(): number {
    return this.#steps;
  }

  /** The steps of a machine, the oldest first; undefined: it was not seen, or was forgotten. */
  find(mac: MacAddress): readonly TimelineStep[] | undefined {
    return this.#storyOf(mac)?.steps;
  }

  /** Machines and when each was last heard of, the latest first, at most `limit`. */
  latest(limit: number): readonly { readonly mac: MacAddress; readonly step: TimelineStep }[] {
    return [...this.#askers.values(), ...this.#loaders.values()]
      .toSorted((a, b) => b.lastAt - a.lastAt)
      .slice(0, limit)
      .flatMap(({ mac, steps }) => {
        const step = steps.at(-1);
        return step === undefined ? [] : [{ mac, step }];
      });
  }

  /** Tells of each step from now on. @returns what ends it; undefined when FOLLOWERS_MAX follow already */
  follow(follower: Follower): (() => void) | undefined {
    if (this.#followers.size >= FOLLOWERS_MAX) return undefined;
    this.#followers.add(follower);
    return () => this.#followers.delete(follower);
  }

  /** Takes one event. */
  take(event: RackEvent): void {
    if (event.mac === undefined || !this.#concernsMachines(event.kind) || isOfProbe(event)) return;
    const known = this.#storyOf(event.mac);
    if (known === undefined && isOfBystander(event) && !this.#newcomers.allows(event.at)) {
      this.#missed += 1;
      return;
    }
    const story = known ?? this.#begin(event.mac, event.at);
    if (story.boot === 0 ? OF_MACHINE.test(event.kind) : startsBoot(story, event)) {
      story.boot += 1;
      story.answered = false;
      story.firmware = false;
      story.loaded = false;
      story.kernel = false;
      story.watch.begin();
    }
    this.#note(story, event);
    this.#append(story, event);
    for (const { name, text } of story.watch.look(event)) {
      const hint: ObserveEvent = {
        kind: 'boot.hint',
        at: event.at,
        mac: event.mac,
        address: event.address,
        hint: name,
        text,
      };
      this.#append(story, hint);
      this.#publish(hint);
    }
    this.#keepBounds();
  }

  /** Kinds are a closed set, so the memory of this is bounded. */
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

  #storyOf(mac: MacAddress): Story | undefined {
    return this.#loaders.get(mac) ?? this.#askers.get(mac);
  }

  #begin(mac: MacAddress, at: Instant): Story {
    const watch = new BootWatch();
    return {
      mac,
      watch,
      steps: [],
      boot: 0,
      lastAt: at,
      answered: false,
      firmware: false,
      loaded: false,
      kernel: false,
    };
  }

  /** What an event says of the boot, and that the machine was heard of. */
  #note(story: Story, event: RackEvent): void {
    story.lastAt = event.at;
    if (ANSWERS.has(event.kind)) story.answered = true;
    if (isDhcpEvent(event) && event.kind === 'dhcp.offer' && isFirmware(event.client)) story.firmware = true;
    const file = fileOf(event);
    if (file !== undefined) {
      story.loaded = true;
      if (isKernelFile(file)) story.kernel = true;
    }
    if (this.#loaders.has(story.mac) || story.loaded) {
      this.#askers.delete(story.mac);
      this.#loaders.set(story.mac, story);
    } else this.#askers.set(story.mac, story);
  }

  #append(story: Story, event: RackEvent): void {
    const last = story.steps.at(-1);
    if (last !== undefined && last.boot === story.boot && isSame(last.event, event)) {
      const again = { ...last, times: last.times + 1, lastAt: event.at };
      story.steps[story.steps.length - 1] = again;
      this.#tell(story.mac, again);
      return;
    }
    this.#number += 1;
    const step = { number: this.#number, boot: story.boot, event, times: 1, lastAt: event.at };
    story.steps.push(step);
    this.#steps += 1;
    if (story.steps.length > STEPS_PER_MACHINE_MAX) {
      // In eighths, so that a machine at the bound does not move its whole list at each step.
      const cut = STEPS_PER_MACHINE_MAX / 8;
      story.steps = story.steps.slice(cut);
      this.#steps -= cut;
    }
    this.#tell(story.mac, step);
  }

  #tell(mac: MacAddress, step: TimelineStep): void {
    for (const follower of this.#followers) follower(mac, step);
  }

  #keepBounds(): void {
    while (this.machines > MACHINES_MAX || this.#steps > STEPS_MAX) {
      if (!this.#askers.forgetOldest() && !this.#loaders.forgetOldest()) return;
    }
  }
}

const isFirmware = (client: string | undefined): boolean => client !== undefined && client !== 'ipxe';

/** The file that a machine has got with this event. */
function fileOf(event: RackEvent): string | undefined {
  if (!FILES.has(event.kind)) return undefined;
  return 'file' in event && typeof event.file === 'string' ? event.file : '';
}

/**
 * True for a DISCOVER with which a boot begins: of firmware, or of iPXE that is firmware, after something was loaded or after a
 * long silence. iPXE that firmware has loaded, and the system that runs at the end, go on with the boot that loaded them.
 */
function startsBoot(story: Story, event: RackEvent): boolean {
  if (!isDhcpEvent(event) || event.kind !== 'dhcp.offer' || event.client === undefined) return false;
  if (!story.answered && !story.loaded) return false;
  if (later(story.lastAt, QUIET_MS) < event.at) return true;
  if (event.client === 'ipxe' && story.firmware) return story.kernel;
  return story.loaded || (isFirmware(event.client) && !story.firmware);
}

/** Fields that differ although the same thing happens. */
const VARYING = new Set(['at', 'milliseconds', 'count', 'waitedSeconds', 'port', 'leaseSeconds', 'omitted']);

function isSame(a: RackEvent, b: RackEvent): boolean {
  if (a.kind !== b.kind || a.address !== b.address) return false;
  for (const name of Object.keys(a))
    if (!VARYING.has(name) && Reflect.get(a, name) !== Reflect.get(b, name)) return false;
  return true;
}
