// Whether a machine's layout can be deployed, and the files of its network for the deployed system. Pure.
//
// 1. A layout that a deployment cannot set up is refused with the reason before the machine is
//    started. No part of it is dropped silently.
// 2. Whether the image has a tool for the network is known only on the machine: the agent then
//    fails with the reason.

import { type NetworkView, vlanWithId } from '../networks/network-view.ts';
import type { Machine } from '../records/machine.ts';
import type { RefusalWord } from '../records/refusal.ts';
import { problem, refuseStorageLayout } from './deployable-storage.ts';
import { ifupdownFiles } from './ifupdown.ts';
import { buildNetInterfaces, buildNetworkLayout } from './interfaces.ts';
import { netplanFiles } from './netplan.ts';
import { type ConfigFile, configParts, type NetworkTool } from './network-config.ts';
import { networkdFiles } from './networkd.ts';

/**
 * Why a machine cannot be deployed with its layout; `undefined`: it can.
 * @param by how the system is put on the disk
 * @param disk the disk that the command names; `undefined`: none
 */
export function refuseLayout(
  machine: Machine,
  networks: NetworkView,
  by: 'image' | 'installer',
  disk: string | undefined,
): RefusalWord | undefined {
  return refuseNetwork(machine, networks, by) ?? refuseStorageLayout(machine, by, disk);
}

function refuseNetwork(machine: Machine, networks: NetworkView, by: 'image' | 'installer'): RefusalWord | undefined {
  if (machine.layout?.network === undefined) return undefined;
  const { hostname } = machine;
  if (by === 'installer')
    return problem(
      `The interfaces of ${hostname} are laid out, but only images can apply a layout: deploy an image, or restore the network first.`,
    );
  const laid = buildNetworkLayout(machine, networks).interfaces;
  const all = buildNetInterfaces(machine, networks);
  for (const laidInterface of laid) {
    const isWhole = laidInterface.parents.every((id) => laid.some((other) => other.id === id));
    if (!isWhole)
      return problem(
        `${laidInterface.name} of ${hostname} is made of an interface that the machine no longer has: change or delete ${laidInterface.name}.`,
      );
    const isTagged = laidInterface.kind === 'vlan';
    const vlan = vlanWithId(networks, laidInterface.vlanId);
    if (isTagged && vlan === undefined)
      return problem(
        `The VLAN of ${laidInterface.name} of ${hostname} no longer exists: delete ${laidInterface.name}.`,
      );
  }
  for (const { name, links } of all) {
    const lost = links.find(({ subnetId, subnet }) => subnetId !== undefined && subnet === undefined);
    if (lost !== undefined)
      return problem(`${name} of ${hostname} is linked to a subnet that no rack serves any longer: unlink it.`);
  }
  const hasAddress = all.some(({ links }) => links.some(({ mode }) => mode !== 'link_up'));
  return hasAddress
    ? undefined
    : problem(`No interface of ${hostname} gets an address, so the system could not report: link one to a subnet.`);
}

/**
 * The files of the machine's network for one tool; `undefined`: the tool cannot set it up.
 * @param isByLease true: fixed addresses come by DHCP, as racks reserve them
 */
export function networkFiles(
  machine: Machine,
  networks: NetworkView,
  tool: NetworkTool,
  isByLease: boolean,
): readonly ConfigFile[] | undefined {
  const gatewayLink = machine.layout?.network?.gatewayLink;
  const parts = configParts(buildNetInterfaces(machine, networks), { gatewayLink, domain: machine.domain, isByLease });
  switch (tool) {
    case 'netplan':
      return netplanFiles(parts);
    case 'networkd':
      return networkdFiles(parts);
    case 'ifupdown':
      return ifupdownFiles(parts);
  }
}

/** True if static routes lead from the subnets of the machine's addresses. */
export const hasStaticRoutes = (machine: Machine, networks: NetworkView): boolean =>
  configParts(buildNetInterfaces(machine, networks), { gatewayLink: undefined, domain: '', isByLease: false }).some(
    ({ routes }) => routes.length > 0,
  );

const FILE_LINE = '# file: ';

export function bundleFiles(files: readonly ConfigFile[] | undefined): string {
  if (files === undefined) return '# refused\n';
  return files.map(({ path, text }) => `${FILE_LINE}${path}\n${text}`).join('');
}
