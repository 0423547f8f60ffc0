// The control socket's data for `rackboot why`: what a machine would get now, and what prevents it
// from booting.

import { z } from 'zod';
import type { ControlAnswers } from '../../control/requests.ts';
import { formatMac, type MacAddress } from '../../ground/address.ts';
import { RackError } from '../../ground/errors.ts';
import type { Frozen } from '../../ground/fields.ts';
import type { RackMachine } from '../../machines/machine.ts';
import type { TimelineStep } from '../../observe/timeline.ts';
import { noteText } from '../../region/reports/notes.ts';
import { type BootForecast, bootForecast, type ForecastInputs, forecastBoot } from '../forecast/boot-forecast.ts';
import { CLIENT_NAMES, type ClientName, isClientName } from '../forecast/clients.ts';
import { findLastRefusal } from '../forecast/last-refusal.ts';
import { BASES, chooseLikelyClients, type LikelyClients } from '../forecast/likely-clients.ts';
import type { InterfaceState } from '../rack/interface-states.ts';
import type { Rack } from '../rack/rack.ts';
import { findNamedMachine, type MachineSources } from './who.ts';

interface WhySources extends MachineSources {
  readonly rack: () => Rack | undefined;
  readonly journal: () => { readonly available: boolean; readonly reason?: string | undefined } | undefined;
  readonly interfaces: () => readonly InterfaceState[];
}

/** The boots that a machine would get now. */
export const whyAnswer = z.object({
  mac: z.string(),
  /** `undefined` if the region does not know it. */
  machine: z.object({ name: z.string(), systemId: z.string(), status: z.string(), purpose: z.string() }).optional(),
  basis: z.enum(BASES),
  /** Kinds of client with the same result in a network share one entry, whose title names them all. */
  boots: z.array(bootForecast),
  refused: z.object({ text: z.string(), remedy: z.string() }).optional(),
  obstacles: z.array(z.string()),
});
export type WhyAnswer = Frozen<z.output<typeof whyAnswer>>;

/** The control socket's path for explanations. */
export function makeWhyAnswers(sources: WhySources): ControlAnswers {
  return {
    '/why': ({ query }): WhyAnswer => {
      const rack = sources.rack();
      if (rack === undefined) throw new RackError('not-running', 'the rack is still starting: ask again');
      const { mac, machine } = findNamedMachine(sources, query, { allowUnseen: true });
      const inputs = rack.forecastInputs();
      const leases = inputs.dhcp.leases.findAllByMac(mac);
      const steps = sources.timeline.find(mac) ?? [];
      const refused = findLastRefusal(steps, leases, inputs.now);
      const client = parseClient(query.get('arch'));
      return { ...explainBoot({ mac, machine, client, steps }, inputs, listObstacles(sources)), refused };
    },
  };
}

/** The named kind of client; `undefined` for an empty name. @throws RackError `bad-argument` */
export function parseClient(name: string | null | undefined): ClientName | undefined {
  if (name === null || name === undefined || name === '') return undefined;
  if (isClientName(name)) return name;
  throw new RackError('bad-argument', `${name} is not a kind of client: use one of ${CLIENT_NAMES.join(', ')}`);
}

/** The machine to explain. */
interface ExplainedMachine {
  readonly mac: MacAddress;
  readonly machine: RackMachine | undefined;
  /** `undefined` for the likely kinds. */
  readonly client: ClientName | undefined;
  readonly steps: readonly TimelineStep[];
}

/** Builds the answer. */
export function explainBoot(
  { mac, machine, client, steps }: ExplainedMachine,
  inputs: ForecastInputs,
  obstacles: readonly string[],
): WhyAnswer {
  const { basis, clients, signs }: LikelyClients =
    client === undefined ? chooseLikelyClients(mac, inputs, steps) : { basis: 'asked', clients: [client] };
  return {
    mac: formatMac(mac),
    machine: machine && {
      name: machine.domain === '' ? machine.hostname : `${machine.hostname}.${machine.domain}`,
      systemId: machine.systemId,
      status: machine.statusName,
      purpose: machine.purpose,
    },
    basis,
    boots: joinEqualBoots(clients.flatMap((name) => forecastBoot(mac, name, inputs, signs))),
    obstacles,
  };
}

function joinEqualBoots(boots: readonly BootForecast[]): readonly BootForecast[] {
  const groups = Map.groupBy(boots, ({ network, lines }) => JSON.stringify([network, lines]));
  return [...groups.values()].flatMap((equalBoots) => {
    const [firstBoot] = equalBoots;
    return firstBoot === undefined
      ? []
      : [{ ...firstBoot, title: equalBoots.map(({ title }) => title).join(' or as ') }];
  });
}

function listObstacles({ journal, interfaces }: WhySources): readonly string[] {
  const status = journal();
  const waitingInterfaces = interfaces()
    .filter(({ serving }) => !serving)
    .map(({ name, waits }) => `${name} is not served: ${waits === undefined ? 'unknown' : noteText(waits)}`);
  const leases = `leases cannot be written (${status?.reason ?? 'unknown'}): none is granted until they can be`;
  return status?.available === false ? [leases, ...waitingInterfaces] : waitingInterfaces;
}
