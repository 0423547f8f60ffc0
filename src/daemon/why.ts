// What `rackboot why` is told over the control socket: what a machine would get now, and what stands in the way.

import { RackError } from '../errors.ts';
import type { ControlAnswers } from '../http/control.ts';
import type { RackMachine } from '../machines/machine.ts';
import { formatMac, type MacAddress } from '../net/address.ts';
import { type ForeseenBoot, type Foresight, foreseeBoot, likelyClients } from './foresight.ts';
import { CLIENT_NAMES, type ClientName, isClientName } from './foresight-client.ts';
import type { InterfaceState } from './interface-states.ts';
import { findLastRefusal, type LastRefusal } from './last-refusal.ts';
import type { Rack } from './rack.ts';
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
      const refused = findLastRefusal(sources.timeline.find(mac) ?? [], leases, foresight.now);
      return { ...explain(mac, machine, parseClient(query.get('arch')), foresight, obstaclesOf(sources)), refused };
    },
  };
}

/** The kind of client that is named; undefined: none is. @throws RackError `bad-argument` */
export function parseClient(name: string | null | undefined): ClientName | undefined {
  if (name === null || name === undefined || name === '') return undefined;
  if (isClientName(name)) return name;
  throw new RackError('bad-argument', `${name} is no kind of client: there are ${CLIENT_NAMES.join(', ')}`);
}

/** Puts the answer together. */
export function explain(
  mac: MacAddress,
  machine: RackMachine | undefined,
  client: ClientName | undefined,
  foresight: Foresight,
  obstacles: readonly string[],
): WhyAnswer {
  const clients = client === undefined ? likelyClients(mac, foresight) : [client];
  return {
    mac: formatMac(mac),
    machine: machine && {
      name: machine.domain === '' ? machine.hostname : `${machine.hostname}.${machine.domain}`,
      systemId: machine.systemId,
      status: machine.statusName,
      purpose: machine.purpose,
    },
    boots: clients.flatMap((name) => foreseeBoot(mac, name, foresight)),
    obstacles,
  };
}

function obstaclesOf({ journal, interfaces }: WhySources): readonly string[] {
  const status = journal();
  const waiting = interfaces()
    .filter(({ serving }) => !serving)
    .map(({ name, reason }) => `${name} is not served: ${reason}`);
  if (status?.available !== false) return waiting;
  return [`leases cannot be written (${status.reason ?? 'unknown'}): none is given until they can`, ...waiting];
}
