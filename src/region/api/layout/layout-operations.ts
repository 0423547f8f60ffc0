// Operations that undo a person's layout of the network and disks of a machine, and of the network
// of a device; and mounts without a disk, which are refused.
//
// Source: MAAS's restore_networking_configuration, restore_storage_configuration and
// restore_default_configuration of a machine.
//
// 1. The path of a machine takes no device, nor that of a device a machine. The owner of a device
//    may undo its network, as they may change it.

import { z } from 'zod';
import { staticAddresses } from '../../life/link-addresses.ts';
import type { Machine } from '../../records/machine.ts';
import type { MachineLayout } from '../../records/machine-layout.ts';
import { type Answer, isRefusal, json, refuse } from '../call/answer.ts';
import { type ApiCall, defineOperation, nothing, type Operation, refusedOperation, value } from '../call/operation.ts';
import { showMachine } from '../json/shown-machine.ts';
import { ownDevice, showDevice } from '../machines/device-operations.ts';
import { machinePaths, withMachine } from '../machines/machine-calls.ts';
import { changeLayout, type LayoutChange } from './layout-calls.ts';

type ClearedPart = 'network' | 'storage';
type Decide = (node: Machine) => LayoutChange;

function dropLayoutParts(machine: Machine, parts: readonly ClearedPart[]): LayoutChange {
  const { layout } = machine;
  if (layout === undefined) return { kind: 'layout', layout };
  const rest: MachineLayout = {
    next: layout.next,
    disks: layout.disks,
    network: parts.includes('network') ? undefined : layout.network,
    storage: parts.includes('storage') ? undefined : layout.storage,
  };
  if (rest.network !== undefined) return { kind: 'layout', layout: rest };
  const chosen = staticAddresses(machine);
  const addresses = machine.addresses.filter(
    (fixedAddress) => !chosen.some(({ address }) => address === fixedAddress.address),
  );
  return { kind: 'layout', layout: rest, addresses };
}

/** Changes the layout of the machine in the path, and answers with the machine. */
const changeMachine = (part: 'network' | 'disks', decide: Decide) =>
  withMachine((call) => changeLayout(call, part, decide, (machine) => json(showMachine(call, machine))));

async function changeDevice(call: ApiCall, part: 'network' | 'disks', decide: Decide): Promise<Answer> {
  const own = await ownDevice(call);
  return isRefusal(own) ? own : await changeLayout(call, part, decide, (device) => showDevice(call, device));
}

const restore = (
  op: string,
  parts: readonly ClearedPart[],
  doc: string,
  docOfDevices: string,
): readonly Operation[] => {
  const part = parts.includes('network') ? 'network' : 'disks';
  const decide: Decide = (node) => dropLayoutParts(node, parts);
  const shared = { method: 'POST', op, parameters: nothing } as const;
  return [
    defineOperation({
      ...machinePaths('2.0').one,
      ...shared,
      access: 'admin',
      doc,
      answers: 'machine',
      run: changeMachine(part, decide),
    }),
    defineOperation({
      versions: ['2.0'],
      path: 'devices/{system_id}',
      handler: 'DeviceHandler',
      ...shared,
      access: 'user',
      doc: docOfDevices,
      answers: part === 'network' ? 'device' : 'refusal',
      run: (call) => changeDevice(call, part, decide),
    }),
  ];
};

/** The layout without a chosen default gateway: the first link with a router has it then. */
function withoutGateway({ layout }: Machine): LayoutChange {
  if (layout?.network === undefined) return { kind: 'layout', layout };
  const { gatewayLink: _, ...network } = layout.network;
  return { kind: 'layout', layout: { ...layout, network } };
}

const special = (op: string, doc: string, parameters: z.ZodObject): Operation =>
  defineOperation({
    ...machinePaths('2.0').one,
    method: 'POST',
    op,
    access: 'admin',
    doc,
    parameters,
    answers: 'refusal',
    run: withMachine((_call, { hostname }) =>
      refuse(
        'layout-refused',
        `A deployment of ${hostname} mounts only what is on its disks: add a mount of tmpfs to fstab by user data.`,
      ),
    ),
  });

export const LAYOUT_OPERATIONS: readonly Operation[] = [
  ...restore(
    'restore_networking_configuration',
    ['network'],
    'Set the network of a machine back to that of its commissioning.',
    'Set the network of a device back to its interfaces alone, without links and chosen addresses.',
  ),
  ...restore(
    'restore_storage_configuration',
    ['storage'],
    'Set the disks of a machine back to those of its commissioning.',
    'Refused: a device has no disks here.',
  ),
  ...restore(
    'restore_default_configuration',
    ['network', 'storage'],
    'Set network and disks of a machine back to those of its commissioning.',
    'Set the network of a device back to its interfaces alone, without links and chosen addresses.',
  ),
  defineOperation({
    ...machinePaths('2.0').one,
    method: 'POST',
    op: 'clear_default_gateways',
    access: 'admin',
    parameters: nothing,
    answers: 'machine',
    doc: 'Forget the chosen default gateway: the first link with a router has the default route then.',
    run: changeMachine('network', withoutGateway),
  }),
  special(
    'mount_special',
    'Refused: deployments mount only what is on disks.',
    z.object({
      fstype: value(z.string().max(32))
        .optional()
        .describe('A file system without a disk: tmpfs, ramfs. Always refused.'),
      mount_point: value(z.string().max(255)).optional().describe('The mount point. Always refused.'),
      mount_options: value(z.string().max(255)).optional().describe('The options of the mount. Always refused.'),
    }),
  ),
  special(
    'unmount_special',
    'Refused: deployments mount only what is on disks.',
    z.object({ mount_point: value(z.string().max(255)).optional().describe('The mount point. Always refused.') }),
  ),
  refusedOperation(
    { ...machinePaths('2.0').all, method: 'POST', access: 'admin' },
    'clone',
    'Refused: the layout of each machine is its own.',
    refuse(
      'bad-request',
      'Rackboot copies no layout from one machine to others: lay out the interfaces and disks of each (nodes/<id>/interfaces, set_storage_layout).',
    ),
  ),
];
