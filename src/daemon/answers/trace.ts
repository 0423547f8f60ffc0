// The control socket's data for `rackboot trace`: one machine's steps, what it waits for, and each
// further step as it happens.
//
// 1. A slow reader loses the oldest steps queued for it, and learns how many.

import { type Profile, profileTitle } from '../../boot/profile.ts';
import type { ControlAnswers } from '../../control/requests.ts';
import { isActive } from '../../dhcp/leases/lease-table.ts';
import { formatIpv4, formatMac, type MacAddress } from '../../ground/address.ts';
import type { Clock } from '../../ground/clock.ts';
import { RackError } from '../../ground/errors.ts';
import type { RackEvent } from '../../ground/event.ts';
import { composeEventText, listEventFields } from '../../observe/event-text.ts';
import { isHttpEvent, isTftpEvent } from '../../observe/protocol-events.ts';
import type { Timeline, TimelineStep } from '../../observe/timeline.ts';
import { findLastConfiguration, findWaiting } from '../../observe/waiting.ts';
import { describeWaiting } from '../../observe/waiting-words.ts';
import { EVENT_KINDS } from '../../region/reports/reported.ts';
import type { Rack } from '../rack/rack.ts';
import { Feed } from './feed.ts';
import { findNamedMachine, type NamedMachine } from './who.ts';

const SEEN_MAX = 200;
/**
 * How far the wall time's offset may differ between a report and a trace: wall time is in whole
 * milliseconds.
 */
const CLOCK_ERROR_MS = 2;

interface TraceSources {
  readonly clock: Clock;
  readonly timeline: Timeline;
  readonly rack: () => Rack | undefined;
}

/** The control socket's paths for traces. */
export function makeTraceAnswers(sources: TraceSources): ControlAnswers {
  const startedMs = sources.clock.wallTimeMs();
  return {
    '/trace': ({ query }) => ({ ...readTrace(sources, findNamedMachine(sources, query)), startedMs }),
    '/trace/follow': ({ query }) =>
      followSteps(sources, query.has('machine') ? findNamedMachine(sources, query, { allowUnseen: true }) : undefined),
    '/seen': () => listSeenMachines(sources),
    // For the completion of names in a shell.
    '/machine-names': () => sources.rack()?.machines.all.map(({ hostname }) => hostname) ?? [],
  };
}

/**
 * The configuration file that told a machine what to boot, and the protocol that delivered it;
 * empty for other events.
 */
function formatConfigurationSource(event: RackEvent): string {
  if (isTftpEvent(event) && event.kind === 'tftp.sent' && event.purpose !== undefined)
    return ` (${event.file ?? 'a file'}, TFTP)`;
  return isHttpEvent(event) && event.kind === 'http.rendered' && event.purpose !== undefined
    ? ` (${event.file ?? 'a file'}, HTTP)`
    : '';
}

/** The profile that a person chose in the menu of this boot, as its file shows; empty for other events. */
export function describeMenuChoice(
  step: TimelineStep,
  steps: readonly TimelineStep[],
  offered: readonly Pick<Profile, 'file' | 'name' | 'title'>[],
): string {
  const { event } = step;
  const isFile = isTftpEvent(event) || isHttpEvent(event);
  if (!isFile || event.purpose !== undefined || event.file === undefined) return '';
  if (findLastConfiguration(step, steps)?.menuSeconds === undefined) return '';
  const file = event.file.replace(/^\/+/, '');
  const chosenProfile = offered.find((profile) => profile.file === file);
  return chosenProfile === undefined ? '' : ` (chosen in the menu: ${profileTitle(chosenProfile)})`;
}

function describeStepJson(step: TimelineStep, steps: readonly TimelineStep[], sources: TraceSources) {
  const offset = sources.clock.wallTimeMs() - sources.clock.now();
  return {
    number: step.number,
    boot: step.boot,
    at: new Date(step.event.at + offset).toISOString(),
    lastAt: new Date(step.lastAt + offset).toISOString(),
    times: step.times,
    kind: step.event.kind,
    level: EVENT_KINDS.get(step.event.kind)?.level ?? 'info',
    text: `${composeEventText(step.event)}${formatConfigurationSource(step.event)}${describeMenuChoice(step, steps, sources.rack()?.offeredProfiles ?? [])}`,
    fields: listEventFields(step.event),
  };
}

function readTrace(sources: TraceSources, namedMachine: NamedMachine) {
  const { timeline, clock } = sources;
  const { mac, machine } = namedMachine;
  const heardMac = findHeardCard(timeline, namedMachine);
  const steps = timeline.find(heardMac) ?? [];
  const rack = sources.rack();
  const now = clock.now();
  const lease = rack?.dhcp.leases().find((candidate) => candidate.mac === heardMac && isActive(candidate, now));
  const address = rack?.elsewhere.findAddress(heardMac) ?? lease?.address;
  return {
    mac: formatMac(mac),
    /** The machine's network card that the steps belong to, if it is not the card asked about. */
    heardBy: heardMac === mac ? undefined : formatMac(heardMac),
    address: address === undefined ? undefined : formatIpv4(address),
    machine: machine && {
      systemId: machine.systemId,
      hostname: machine.hostname,
      domain: machine.domain,
      status: machine.statusName,
      purpose: machine.purpose,
    },
    now: new Date(clock.wallTimeMs()).toISOString(),
    missed: timeline.missed,
    firstReportedMs: findFirstReportedMs(steps, clock.wallTimeMs() - now),
    steps: steps.map((step) => describeStepJson(step, steps, sources)),
    waiting: describeWaiting(findWaiting(steps, now, machine)),
  };
}

/**
 * A time before all these steps; `undefined` without steps. A step that waited for the disk is
 * older than its predecessors.
 */
export function findFirstReportedMs(steps: readonly TimelineStep[], wallOffsetMs: number): number | undefined {
  if (steps.length === 0) return undefined;
  return Math.floor(Math.min(...steps.map(({ event }) => event.at)) + wallOffsetMs) - CLOCK_ERROR_MS;
}

/**
 * The network card whose steps are shown: the card asked about or, if it has no steps, the
 * machine's most recently active card.
 */
export function findHeardCard(timeline: Timeline, { mac, machine }: NamedMachine): MacAddress {
  if (machine === undefined || timeline.find(mac) !== undefined) return mac;
  let latest: { readonly mac: MacAddress; readonly at: number } | undefined;
  for (const card of machine.macs) {
    const lastAt = timeline.find(card)?.at(-1)?.lastAt;
    if (lastAt !== undefined && (latest === undefined || lastAt > latest.at)) latest = { mac: card, at: lastAt };
  }
  return latest?.mac ?? mac;
}

/**
 * Streams the trace so far, then each further step.
 * @param namedMachine `undefined` for the further steps of all machines
 */
function followSteps(sources: TraceSources, namedMachine: NamedMachine | undefined): Feed<unknown> {
  const feed = new Feed<unknown>(() => stopFollowing?.());
  const stopFollowing = sources.timeline.follow((mac, step) => {
    if (namedMachine === undefined || mac === findHeardCard(sources.timeline, namedMachine))
      feed.push({
        mac: formatMac(mac),
        step: describeStepJson(step, sources.timeline.find(mac) ?? [], sources),
        missed: feed.takeDropped(),
      });
  });
  if (stopFollowing === undefined)
    throw new RackError('bad-argument', 'too many traces are being followed: end one of them');
  if (namedMachine !== undefined) feed.push({ trace: readTrace(sources, namedMachine) });
  return feed;
}

function listSeenMachines(sources: TraceSources) {
  const rack = sources.rack();
  return sources.timeline.latest(SEEN_MAX).map(({ mac, step }) => ({
    mac: formatMac(mac),
    machine: rack?.machines.findByMac(mac)?.hostname,
    step: describeStepJson(step, [], sources),
  }));
}
