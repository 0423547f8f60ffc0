// Why a rack's registration, or an administrator's decision about a rack, is refused.

import { shellWord } from '../../../clean-text.ts';
import { counted } from '../../../counted.ts';
import { NETWORK_PREFIX_MIN } from '../../records/rack-description.ts';
import type { RefusalTable } from './table.ts';

/** The pending rack that has been silent longest. */
type Oldest = { readonly name: string; readonly address: string; readonly seconds: number };
/** How long a pending rack may be silent, and the one that will lose its place first. */
type Room = { readonly minutes: number; readonly oldest: Oldest | undefined };

function roomText({ minutes, oldest }: Room): string {
  const remedy = 'accept or remove some on the region (rackboot racks list)';
  if (oldest === undefined) return remedy;
  return (
    `${remedy}, or wait: ${oldest.name} from ${oldest.address} was last heard ${oldest.seconds} s ago, ` +
    `and its place is freed after ${counted(minutes, 'minute')} of silence`
  );
}

/** A command on the region's host. @param file the configuration file that the command must name; undefined for the default one */
const onRegion = (command: string, file: string | undefined): string =>
  `on the region: sudo rackboot ${command}${file === undefined ? '' : ` --config ${shellWord(file)}`}`;
const removal = (uuid: string, file: string | undefined): string => onRegion(`racks remove ${uuid}`, file);
/** As `onRegion`. */
type RegionFile = { readonly file?: string | undefined };

/** By code. */
export const RACKS = {
  'bad-request.maas-cluster':
    'A cluster controller of MAAS cannot serve this region. Install Rackboot on its host, and let that join as a rack: `sudo rackboot init --region URL`, with the URL of this region (docs/racks.md).',
  'rack-version': ({ rack, region }: { readonly rack: number; readonly region: number }) =>
    `the rack speaks version ${rack} of the link, this region version ${region}: update ${rack < region ? 'the rack' : 'the region'}`,
  'rack-key.registered': 'another rack has registered this key: remove the key file to generate a new one',
  'rack-key.own': ({ uuid }: { readonly uuid: string }) =>
    `${uuid} is the region's own rack: a copied rack.json must not be used on another host`,
  'rack-key.other': ({ uuid, file }: RegionFile & { readonly uuid: string }) =>
    `${uuid} is registered with another key; if this rack has lost its own, ${removal(uuid, file)}`,
  'rack-rejected.registration': ({ uuid, file }: RegionFile & { readonly uuid: string }) =>
    `an administrator rejected this rack; to let it register again, ${removal(uuid, file)}`,
  'racks-limit.address': ({
    address,
    pending,
    ...room
  }: Room & { readonly address: string; readonly pending: number }) =>
    `${counted(pending, 'rack')} from ${address} ${pending === 1 ? 'is' : 'are'} pending, the maximum; ${roomText(room)}`,
  'racks-limit.all': ({ known, pending, ...room }: Room & { readonly known: number; readonly pending: number }) =>
    `there is no room for another rack: ${counted(known, 'rack is', 'racks are')} known, ${pending} pending; ${roomText(room)}`,
  'rack-pending.waiting': ({ rack, file }: RegionFile & { readonly rack: string }) =>
    `waiting for an administrator; ${onRegion(`racks accept ${rack}`, file)}`,
  'rack-pending.namesake': ({
    rack,
    namesake,
    file,
  }: RegionFile & { readonly rack: string; readonly namesake: string }) =>
    `a rack named ${rack} is already accepted (${namesake}): give this one another name, or ${removal(namesake, file)}`,
  'not-found.rack-to-judge': ({ uuid }: { readonly uuid: string }) =>
    `there is no rack ${uuid}; rackboot racks list shows all`,
  'rack-embedded': ({ rack }: { readonly rack: string }) =>
    `${rack} is the rack of the region's own process: it cannot be rejected or removed`,
  'rack-name': ({ rack, namesake }: { readonly rack: string; readonly namesake: string }) =>
    `a rack named ${rack} is already accepted (${namesake}): remove or rename one of them`,
  'rack-network.unknown': ({
    rack,
    networks,
    reported,
  }: {
    readonly rack: string;
    readonly networks: readonly string[];
    readonly reported: readonly string[];
  }) => `rack ${rack} has no network ${networks.join(', ')}: it reports ${reported.join(', ') || 'none'}`,
  'field.rack-uuid': 'is not a UUID in lower case',
  'field.rack-name': 'give lower-case letters, digits and hyphens, at most 63',
  'field.rack-version': 'is not a version',
  'field.rack-named': ({ name }: { readonly name: string }) =>
    `The rack is called ${name}: only its own configuration (name) changes that.`,
  'field.rack-status': ({ accepted, rejected }: { readonly accepted: number; readonly rejected: number }) =>
    `Give ${accepted} to accept the rack, or ${rejected} to reject it.`,
  'field.leases': ({ max }: { readonly max: number }) =>
    `Give a JSON object of at most ${max} hardware addresses by IP address: {"10.20.0.7": "52:54:00:00:00:01"}.`,
  'field.images-reported':
    'Nothing was changed: a rack reports its boot images by its link to the region, with their checksums. `boot-resources` adds images.',
  'field.rack-address': 'is not an IPv4 address',
  'field.rack-mac': 'is not a MAC address',
  'field.rack-network': `is not a network such as 10.20.0.0/24, with a prefix of at least ${NETWORK_PREFIX_MIN}`,
  'field.cluster-interface': 'is not a name',
  'field.host-interface': 'is not the name of an interface',
  'field.event-level': 'is not a level',
  'field.batch-source': ({ uuid }: { readonly uuid: string }) => `must begin with ${uuid}/`,
  'field.batch-order': ({ sequence, last }: { readonly sequence: number; readonly last: number }) =>
    `${sequence} follows ${last}: sequences must increase`,
} as const satisfies RefusalTable;
