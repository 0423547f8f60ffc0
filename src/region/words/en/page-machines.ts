// The page of all machines: the list with its filters, pending decisions, hosts that have not enlisted, racks and events.

import { counted } from '../../../counted.ts';
import { type Html, html } from '../../../html.ts';

/** The list of machines. */
export const MACHINES = {
  title: (machines: number): string => counted(machines, 'machine'),
  heading: 'Machines',
  columns: {
    first: 'Machine',
    state: 'State',
    owner: 'Owner',
    network: 'Network',
    power: 'Power',
    hardware: 'Hardware',
    event: 'Last event',
  },
  /** `space` stands between the count of processors and the unit. */
  cpus: (count: number, space: string): string => `${count}${space}×${space}CPU`,
  removedRack: 'a rack that was removed',
  strangers: 'Seen, not enlisted',
  filters: {
    search: 'Search',
    placeholder: 'name, address, tag, serial number',
    all: 'All machines',
    state: 'State',
    anyState: 'any state',
    problem: 'with a problem',
    work: 'at work',
    owner: 'Owner',
    anyOwner: 'any owner',
    mine: 'mine',
    rack: 'Rack',
    anyRack: 'any rack',
  },
  acceptAll: (machines: number): string => `Accept ${counted(machines, 'new machine')}`,
  accepted: 'New machines accepted.',
  empty: { title: 'No machines yet', hint: 'Boot one from the network: it appears here, usually within a minute.' },
  cut: (shown: number, total: number): string => `${shown} of ${total} are shown; search to find the others.`,
};

/** Decisions that wait for a person. */
export const NOTICES = {
  heading: 'Waiting for you',
  /** Both continue after the machine's name. */
  maybeTwo: (systemId: string, why: string): string => `(${systemId}) ${why}.`,
  maybeOne: (systemId: string, why: string): string => `(${systemId}) ${why}. Merge them, or keep them apart:`,
  full: (machines: number): string => `${counted(machines, 'machine is', 'machines are')} New,`,
  /** Continues after `full`. */
  fullWhy: (machinesMax: number): string =>
    `and at most ${machinesMax} may be (region.new_machines_max): a further machine replaces one that was never changed or tagged, or is refused. Accept or delete some.`,
};

/** The racks. */
export const RACKS_PART = {
  heading: 'Racks',
  columns: { rack: 'Rack', networks: 'Networks', events: 'Events', version: 'Version', seen: 'Last seen' },
  states: { pending: 'Pending', accepted: 'Accepted', rejected: 'Rejected', embedded: 'In this process', away: 'Away' },
  now: 'now',
  since: (time: string): string => `since ${time} UTC`,
  waiting: 'waiting',
  lost: 'lost',
  refused: 'refused',
  foreignServer: (address: string, network: string): string => `${address} on ${network}`,
  foreignServers: (servers: readonly string[]): string =>
    `another DHCP server answers: ${servers.join(', ')}; machines may take its offers and fail to boot from here`,
  registered: (address: string, command: string): Html =>
    html`registered from ${address}; to accept it, run <code>${command}</code>`,
  settingsRefused: (why: string): string => `it refuses its settings from this region: ${why}`,
  noNetwork: 'it serves no network: add cluster_interfaces to its configuration file',
  away: 'it keeps serving the machines it knows; its events arrive when it is back',
};
