// Why a report of a machine, a new hostname, a merge, a split or a move is refused.

import { counted } from '../../../counted.ts';
import type { RefusalTable } from './table.ts';

/** A machine as people name it: `calm-eagle (ab12cd)`. */
type Named = { readonly name: string; readonly systemId: string };
type InState = Named & { readonly state: string };
/** A machine that has some hardware addresses of another. */
type Holder = Named & { readonly macs: readonly string[] };

const named = ({ name, systemId }: Named): string => `${name} (${systemId})`;
const inState = (machine: InState): string => `${named(machine)} is ${machine.state}`;
const heldText = ({ macs, ...machine }: Holder): string =>
  `${named(machine)} has ${macs.join(' ')}: \`rackboot machines split ${machine.systemId} --mac ${macs.join(' ')}\``;

/** By code. */
export const IDENTITY = {
  'new-machines-limit': ({ count, max }: { readonly count: number; readonly max: number }) =>
    `${counted(count, 'machine is', 'machines are')} New, at most ${max} may be (region.new_machines_max), and ` +
    'none of them can be replaced: accept or delete some of them, then start this machine again',
  'added-machines-limit': ({ count, max }: { readonly count: number; readonly max: number }) =>
    `you have added ${counted(count, 'machine')} that no rack has booted, and the maximum is ${max}: boot some of them, or have an ` +
    'administrator delete some or add this one',
  'machines-limit.enlistment': ({ count }: { readonly count: number }) =>
    `a region may have at most ${counted(count, 'machine')}: delete some that no longer exist`,
  'machines-limit.split': ({ count }: { readonly count: number }) =>
    `a region may have at most ${counted(count, 'machine')}: delete some`,
  'field.hostname-taken': ({ hostname }: { readonly hostname: string }) =>
    `the hostname ${hostname} is taken: choose another`,
  'field.machine-exists': (machine: Named) =>
    `this machine exists already as ${named(machine)}: edit or delete that one`,
  'field.machines-mixed': ({ holders }: { readonly holders: readonly Holder[] }) =>
    'its UUID or serial number and its hardware addresses belong to different machines. ' +
    `If a card was moved: ${holders.map(heldText).join('; ')}`,
  'field.same-machine': (machine: Named) => `${named(machine)} cannot be merged with itself`,
  'field.kept-from-itself': (machine: Named) => `${named(machine)} cannot be kept apart from itself`,
  'machine-in-use.both': ({ keep, other }: { readonly keep: InState; readonly other: InState }) =>
    `both are in use (${inState(keep)}, ${inState(other)}): release one of them first`,
  'machine-in-use.other': ({ keep, other }: { readonly keep: Named; readonly other: InState }) =>
    `${inState(other)}, so it is the one to keep: rackboot machines merge ${other.systemId} ${keep.systemId}`,
  'field.interfaces-limit': ({ max }: { readonly max: number }) => `a machine may have at most ${max} interfaces`,
  'field.interfaces-foreign': ({
    machine,
    foreign,
    own,
  }: {
    readonly machine: Named;
    /** Empty if none is named. */
    readonly foreign: readonly string[];
    readonly own: readonly string[];
  }) => `${named(machine)} has no ${foreign.join(' ') || 'such address'}; it has ${own.join(' ')}`,
  'field.interfaces-all': (machine: Named) => `${named(machine)} would have no interface left: name fewer`,
  'rack-network.none': ({ rack, network }: { readonly rack: string; readonly network: string | undefined }) =>
    `rack ${rack} has no accepted network${network === undefined ? '' : ` ${network}`}: see rackboot racks list`,
  'rack-network.not-accepted': ({ rack, state }: { readonly rack: string; readonly state: string }) =>
    `rack ${rack} is ${state}: accept it first (rackboot racks accept ${rack})`,
} as const satisfies RefusalTable;
