// What `rackboot trace` is told over the control socket: one machine's steps, what it waits for, and each further step as it happens.
//
// 1. Who is meant may be said by hardware address, address, hostname, full name or system id; what is not known is answered with
//    what is near it.
// 2. A reader that is too slow loses the oldest steps that wait for it, and is told how many.

import type { Clock } from '../clock.ts';
import { isActive } from '../dhcp/lease-table.ts';
import { RackError } from '../errors.ts';
import type { ControlAnswers, ControlAsk } from '../http/control.ts';
import type { RackMachine } from '../machines/machine.ts';
import { formatIpv4, formatMac, type MacAddress, parseIpv4, parseMac } from '../net/address.ts';
import { type EventKinds, eventFields, eventText } from '../observe/event-text.ts';
import type { Timeline, TimelineStep } from '../observe/timeline.ts';
import { describeWaiting } from '../observe/waiting.ts';
import { Feed } from './feed.ts';
import type { Rack } from './rack.ts';

/** Machines named as near misses. */
const NEAR_MAX = 5;
/** Machines among which near misses are looked for. */
const NEAR_AMONG_MAX = 4096;
/** Machines in the answer to who was seen at all. */
const SEEN_MAX = 200;

export interface TraceSources {
  readonly clock: Clock;
  readonly timeline: Timeline;
  readonly kinds: EventKinds;
  readonly rack: () => Rack | undefined;
}

/** The paths of the control socket for traces. */
export function traceAnswers(sources: TraceSources): ControlAnswers {
  return {
    '/trace': (asked) => trace(sources, whoIs(sources, asked)),
    '/trace/follow': (asked) => follow(sources, whoIs(sources, asked)),
    '/seen': () => seen(sources),
  };
}

interface Who {
  readonly mac: MacAddress;
  readonly machine: RackMachine | undefined;
}

/** @throws RackError `bad-argument`, `not-found` with what is near */
function whoIs(sources: TraceSources, { query }: ControlAsk): Who {
  const wanted = (query.get('machine') ?? '').trim();
  if (wanted === '') {
    throw new RackError('bad-argument', 'name a machine: a hardware address, an address, a hostname or a system id');
  }
  const rack = sources.rack();
  const mac = parseMac(wanted);
  if (mac !== undefined) return whoseMac(sources, mac, wanted, query.get('follow') === 'yes');
  const address = parseIpv4(wanted);
  if (address !== undefined) {
    const lease = rack?.dhcp.leases().find((one) => one.address === address);
    if (lease !== undefined) return { mac: lease.mac, machine: rack?.machines.findByMac(lease.mac) };
  }
  const machine = rack?.machines.all.find(
    ({ systemId, hostname, domain, addresses }) =>
      [systemId, hostname, `${hostname}.${domain}`].includes(wanted.toLowerCase()) ||
      addresses.some((fixed) => fixed.address === address),
  );
  if (machine !== undefined) return { mac: heardMac(sources, machine), machine };
  const lease = rack?.dhcp.leases().find(({ hostname }) => hostname?.toLowerCase() === wanted.toLowerCase());
  if (lease !== undefined) return { mac: lease.mac, machine: rack?.machines.findByMac(lease.mac) };
  throw new RackError('not-found', `nothing here is called ${wanted}; ${nearText(sources, undefined)}`);
}

function whoseMac(sources: TraceSources, mac: MacAddress, wanted: string, mayCome: boolean): Who {
  const machine = sources.rack()?.machines.findByMac(mac);
  const known = machine !== undefined || sources.timeline.find(mac) !== undefined;
  if (known || mayCome) return { mac, machine };
  throw new RackError('not-found', `nothing was heard of ${wanted} since this rack started; ${nearText(sources, mac)}`);
}

/** Of a machine's addresses the one that was heard of last, else its boot interface's. */
function heardMac({ timeline }: TraceSources, machine: RackMachine): MacAddress {
  const heard = machine.macs
    .map((mac) => ({ mac, at: timeline.find(mac)?.at(-1)?.lastAt }))
    .filter(({ at }) => at !== undefined)
    .toSorted((a, b) => (b.at ?? 0) - (a.at ?? 0));
  const [mac] = [...heard.map((one) => one.mac), ...machine.macs];
  if (mac === undefined) throw new RackError('not-found', `${machine.hostname} has no hardware address to look for`);
  return mac;
}

/** What was seen instead: addresses that differ least from the one wanted, else those heard of last. */
function nearText({ timeline }: TraceSources, wanted: MacAddress | undefined): string {
  const seenMacs = timeline.latest(NEAR_AMONG_MAX).map(({ mac }) => mac);
  if (seenMacs.length === 0) return 'no machine was heard of at all: is it on a network that this rack serves?';
  const text = wanted === undefined ? '' : formatMac(wanted);
  const near = seenMacs
    .map((mac) => ({ mac, differing: [...formatMac(mac)].filter((character, at) => character !== text[at]).length }))
    .filter(({ differing }) => wanted === undefined || differing <= 4)
    .toSorted((a, b) => a.differing - b.differing)
    .slice(0, NEAR_MAX);
  const names = (near.length > 0 ? near.map(({ mac }) => mac) : seenMacs.slice(0, NEAR_MAX)).map((mac) =>
    formatMac(mac),
  );
  return `${wanted !== undefined && near.length > 0 ? 'near it' : 'heard of last'}: ${names.join(', ')}`;
}

function stepJson(step: TimelineStep, sources: TraceSources) {
  const offset = sources.clock.wallTimeMs() - sources.clock.now();
  const kind = sources.kinds.get(step.event.kind);
  return {
    number: step.number,
    boot: step.boot,
    at: new Date(step.event.at + offset).toISOString(),
    lastAt: new Date(step.lastAt + offset).toISOString(),
    times: step.times,
    kind: step.event.kind,
    level: kind?.level ?? 'info',
    text: eventText(step.event, kind),
    fields: eventFields(step.event),
  };
}

function trace(sources: TraceSources, { mac, machine }: Who) {
  const { timeline, clock } = sources;
  const steps = timeline.find(mac) ?? [];
  const rack = sources.rack();
  const now = clock.now();
  const lease = rack?.dhcp.leases().find((one) => one.mac === mac && isActive(one, now));
  return {
    mac: formatMac(mac),
    address: lease === undefined ? undefined : formatIpv4(lease.address),
    machine: machine && {
      systemId: machine.systemId,
      hostname: machine.hostname,
      domain: machine.domain,
      status: machine.statusName,
      purpose: machine.purpose,
    },
    now: new Date(clock.wallTimeMs()).toISOString(),
    missed: timeline.missed,
    /** The first step's time as the region was told it; what the region has from before that is older. */
    firstReportedMs: steps[0] === undefined ? undefined : Math.round(steps[0].event.at),
    steps: steps.map((step) => stepJson(step, sources)),
    waiting: describeWaiting(steps, now),
  };
}

/** The trace so far, then each step. */
function follow(sources: TraceSources, who: Who): Feed<unknown> {
  const feed = new Feed<unknown>(() => end?.());
  const end = sources.timeline.follow((mac, step) => {
    if (mac === who.mac) feed.push({ step: stepJson(step, sources), missed: feed.takeDropped() });
  });
  if (end === undefined) throw new RackError('bad-argument', 'too many traces are followed already: end one of them');
  feed.push({ trace: trace(sources, who) });
  return feed;
}

/** Machines that were heard of, the latest first. */
function seen(sources: TraceSources) {
  const rack = sources.rack();
  return sources.timeline.latest(SEEN_MAX).map(({ mac, step }) => ({
    mac: formatMac(mac),
    machine: rack?.machines.findByMac(mac)?.hostname,
    step: stepJson(step, sources),
  }));
}
