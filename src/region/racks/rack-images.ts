// The disk images that remote racks report: checked, stored, and selected for a machine by the
// racks that boot it.
//
// 1. A machine gets an image only if every rack that may boot it has that image; racks that are
//    away do not count.
// 2. A rack's list is kept until the rack reports the next one, so machines at work keep their
//    images while the region starts.

import { type Ipv4, networkContains } from '../../ground/address.ts';
import type { Machine } from '../records/machine.ts';
import { isAway, type Rack, type RackImage } from '../records/rack.ts';
import { believedNetworks } from './rack-networks.ts';

interface RackImageKnowledge {
  readonly racks: readonly Rack[];
  readonly images: ReadonlyMap<string, readonly RackImage[]>;
  readonly nowMs: number;
}

/**
 * The images that all racks that boot a machine have; `undefined` if this host's rack may boot it,
 * so this host's image store decides.
 */
export function imagesForMachine(
  machine: Pick<Machine, 'interfaces' | 'addresses'>,
  knowledge: RackImageKnowledge,
): readonly RackImage[] | undefined {
  const accepted = knowledge.racks.filter(({ state }) => state === 'accepted');
  const seen = machine.interfaces.flatMap(({ address }) => (address === undefined ? [] : [address]));
  const addresses = [...seen, ...machine.addresses.map(({ address }) => address)];
  const serving = accepted.filter((rack) => addresses.some((address) => isServedByRack(rack, address)));
  const racks = serving.length > 0 ? serving : accepted;
  if (racks.length === 0 || racks.some(({ isEmbedded }) => isEmbedded)) return undefined;
  const present = racks.filter((rack) => !isAway(rack, knowledge.nowMs));
  const [first, ...others] = present.length > 0 ? present : racks;
  if (first === undefined) return undefined;
  const imagesOf = (uuid: string): readonly RackImage[] => knowledge.images.get(uuid) ?? [];
  const theirs = others.map(({ uuid }) => new Set(imagesOf(uuid).map(listImageFiles)));
  return imagesOf(first.uuid).filter((image) => theirs.every((files) => files.has(listImageFiles(image))));
}

/** All files of an image: several kernels may start the same root. */
const listImageFiles = ({ path, starts }: RackImage): string =>
  [path, ...(starts === undefined ? [] : [starts.kernel.path, starts.initrd.path])].join(' ');

const isServedByRack = (rack: Rack, address: Ipv4): boolean =>
  believedNetworks(rack).some((network) => networkContains(network, address));
