// The bridges of `bridge_all`: one on each interface that gets an address, from the allocation or
// the deployment to the release. Pure.
//
// Source: MAAS's bridge_all. The names are those that Juju expects, too.
//
// 1. A bridge has the hardware address of the interface below it and takes its links, so the
//    machine keeps its addresses.

import { crc32 } from 'node:zlib';
import type { NetworkView } from '../networks/network-view.ts';
import type { Machine } from '../records/machine.ts';
import { hasLaidNetwork, type LaidInterface, type MachineLayout } from '../records/machine-layout.ts';
import { INTERFACE_NAME, makeInterface } from './interface-changes.ts';
import {
  beginDraft,
  findMaster,
  type LayoutRefusal,
  listLinks,
  type NetworkDraft,
  nextId,
  withLayout,
} from './network-draft.ts';

/**
 * The usual name for a bridge on an interface; another one if the machine, which names its own
 * interfaces, has it already, or Linux refuses it.
 */
function bridgeName({ layout }: NetworkDraft, below: string): string {
  const isFree = (name: string) =>
    INTERFACE_NAME.test(name) && !layout.interfaces.some((laidInterface) => laidInterface.name === name);
  const hashed = (text: string) => `b-${(crc32(text) & 0xff_ffff).toString(16).padStart(6, '0')}`;
  const usual = [`br-${below}`, `b-${below.replace(/^en/, '')}`, `${hashed(below)}-${below.slice(-6)}`].find(isFree);
  if (usual !== undefined) return usual;
  let count = 1;
  while (!isFree(hashed(`${below} ${count}`))) count += 1;
  return hashed(`${below} ${count}`);
}

export function makeAcquiredBridges(
  machine: Machine,
  networks: NetworkView,
  params: LaidInterface['params'],
): MachineLayout | LayoutRefusal {
  let draft = beginDraft(machine, networks);
  for (const { id, kind, name, mtu } of draft.layout.interfaces) {
    const isAddressed = listLinks(draft, id).some(({ mode }) => mode !== 'link_up');
    if (kind === 'bridge' || !isAddressed || findMaster(draft, id) !== undefined) continue;
    const bridgeId = nextId(draft);
    const links = draft.layout.links.map((link) =>
      link.interfaceId === id ? { ...link, interfaceId: bridgeId } : link,
    );
    const made = makeInterface(withLayout(draft, { links }), 'bridge', {
      name: bridgeName(draft, name),
      parents: [id],
      mtu,
      params,
    });
    if (made.kind === 'refuse') return made;
    const interfaces = made.draft.layout.interfaces.map((laidInterface) =>
      laidInterface.id === bridgeId ? { ...laidInterface, isAcquired: true } : laidInterface,
    );
    draft = withLayout(made.draft, { interfaces });
  }
  const isCommissioned = !hasLaidNetwork(machine);
  return { ...machine.layout, next: draft.next, network: { ...draft.layout, isCommissioned } };
}

export function withoutAcquiredBridges(layout: MachineLayout | undefined): MachineLayout | undefined {
  if (layout?.network === undefined) return layout;
  const { network } = layout;
  if (network.isCommissioned === true) return { ...layout, network: undefined };
  const below = new Map(
    network.interfaces.flatMap(({ id, parents: [parent], isAcquired }) =>
      isAcquired === true && parent !== undefined ? [[id, parent] as const] : [],
    ),
  );
  const idBelow = (id: number): number => below.get(id) ?? id;
  return {
    ...layout,
    network: {
      ...network,
      interfaces: network.interfaces
        .filter(({ id }) => !below.has(id))
        .map((laidInterface) => ({ ...laidInterface, parents: laidInterface.parents.map(idBelow) })),
      links: network.links.map((link) => ({ ...link, interfaceId: idBelow(link.interfaceId) })),
    },
  };
}
