// What `rackboot why` is told over the control socket: what a machine would get now, and what stands in the way.

import { RackError } from '../../errors.ts';
import type { ControlAnswers } from '../../http/control.ts';
import type { RackMachine } from '../../machines/machine.ts';
import { formatMac, type MacAddress } from '../../net/address.ts';
import type { TimelineStep } from '../../observe/timeline.ts';
import { CLIENT_NAMES, type ClientName, isClientName } from '../foresight/clients.ts';
import { type ForeseenBoot, type Foresight, foreseeBoot } from '../foresight/foresight.ts';
import { findLastRefusal, type LastRefusal } from '../foresight/last-refusal.ts';
import { type Basis, likelyClients } from '../foresight/likely-clients.ts';
import type { InterfaceState } from '../rack/interface-states.ts';
import type { Rack } from '../rack/rack.ts';
import { type WhoSources, whoIs } from './who.ts';

export interface WhySources extends WhoSources {
  readonly rack: () => Rack | undefined;
  /** Whether leases can be written. */
  readonly journal: () => { readonly available: boolean; readonly reason?: string | undefined } | undefined;
  readonly interfaces: () => readonly InterfaceState[];
}

/** What a machine would get now. */
export interface WhyAnswer {
  readonly mac: string;
  /** Undefined: nobody knows it. */
  readonly machine?:
    | { readonly name: string; readonly systemId: string; readonly status: string; readonly purpose: string }
    | undefined;
  /** How the kinds of client in `boots` are known. */
  readonly basis: Basis;
  /** Kinds that get the same in a network are one, whose title names them. */
  readonly boots: readonly ForeseenBoot[];
  /** What it did not get when it asked last; undefined: it was not refused, or was answered since. */
  readonly refused?: LastRefusal | undefined;
  /** What stands in the way of every machine. */
  readonly obstacles: readonly string[];
}

/** The paths of the control socket for explanations. */
export function whyAnswers(sources: WhySources): ControlAnswers {
  return {
    '/why': ({ query }): WhyAnswer => {
      const rack = sources.rack();
      if (rack === undefined) throw new RackError('not-running', 'the rack is still starting: ask again');
      const { mac, machine } = whoIs(sources, query, { mayCome: true });
      const foresight = rack.foresight();
      const leases = foresight.dhcp.leases.findAllByMac(mac);
      const steps = sources.timeline.find(mac) ?? [];
      const refused = findLastRefusal(steps, leases, foresight.now);
      const client = parseClient(query.get('arch'));
      return { ...explain({ mac, machine, client, steps }, foresight, obstaclesOf(sources)), refused };
    },
  };
}

/** The kind of client that is named; undefined: none is. @throws RackError `bad-argument` */
export function parseClient(name: string | null | undefined): ClientName | undefined {
  if (name === null || name === undefined || name === '') return undefined;
  if (isClientName(name)) return name;
  throw new RackError('bad-argument', `${name} is no kind of client: there are ${CLIENT_NAMES.join(', ')}`);
}

/** Of whom is asked. */
export interface Asked {
  readonly mac: MacAddress;
  readonly machine: RackMachine | undefined;
  /** Undefined: the likely ones. */
  readonly client: ClientName | undefined;
  /** What is remembered of it, the oldest first. */
  readonly steps: readonly TimelineStep[];
}

/** Puts the answer together. */
export function explain(
  { mac, machine, client, steps }: Asked,
  foresight: Foresight,
  obstacles: readonly string[],
): WhyAnswer {
  const { basis, clients } =
    client === undefined ? likelyClients(mac, foresight, steps) : { basis: 'asked' as const, clients: [client] };
  return {
    mac: formatMac(mac),
    machine: machine && {
      name: machine.domain === '' ? machine.hostname : `${machine.hostname}.${machine.domain}`,
      systemId: machine.systemId,
      status: machine.statusName,
      purpose: machine.purpose,
    },
    basis,
    boots: joinEqual(clients.flatMap((name) => foreseeBoot(mac, name, foresight))),
    obstacles,
  };
}

/** Boots in one network that are the same whatever the client is, as one. */
function joinEqual(boots: readonly ForeseenBoot[]): readonly ForeseenBoot[] {
  const joined = new Map<string, ForeseenBoot>();
  for (const boot of boots) {
    const key = JSON.stringify([boot.network, boot.lines]);
    const same = joined.get(key);
    joined.set(key, same === undefined ? boot : { ...same, title: `${same.title} or as ${boot.title}` });
  }
  return [...joined.values()];
}

function obstaclesOf({ journal, interfaces }: WhySources): readonly string[] {
  const status = journal();
  const waiting = interfaces()
    .filter(({ serving }) => !serving)
    .map(({ name, reason }) => `${name} is not served: ${reason}`);
  if (status?.available !== false) return waiting;
  return [`leases cannot be written (${status.reason ?? 'unknown'}): none is given until they can`, ...waiting];
}
