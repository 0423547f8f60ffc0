// The forms that change the network and the disks with which a machine will be deployed, at
// /MAAS/machines/SYSTEM-ID/layout/TASK/. Each is made of its operation: its controls, and the
// sentence above them.
//
// 1. The query names the object of the path of the operation: `id`, `device_id`. What else it names
//    is sent as it is (`fixed`).
// 2. A form without controls is a question with one button: nothing is changed by following a link.

import { type Html, html, nothing } from '../../../ground/html.ts';
import { formatSize } from '../../../ground/quantity.ts';
import { blockDevicesJson, storageFields } from '../../api/json/disk-json.ts';
import { interfacesJson } from '../../api/json/node-interface-json.ts';
import type { NetworkView } from '../../networks/network-view.ts';
import type { Machine } from '../../records/machine.ts';
import { type Choice, renderForm } from '../frame/forms.ts';
import { type ApiObject, getPropertyText } from '../frame/object-pages.ts';
import { collectFormValues, type FormOptions, renderControls, textsIn } from '../frame/operation-form.ts';
import { renderFullPage } from '../frame/parts.ts';
import { codeIn } from '../frame/values.ts';
import {
  findMachineInPath,
  findWanted,
  type Outcome,
  type PageDefinition,
  queryValue,
  submit,
  type View,
  type WantedOperation,
} from '../frame/view.ts';
import { words } from '../frame/words.ts';
import { devicePath } from './machine-actions.ts';
import { type SectionName, sectionPath } from './machine-frame.ts';

/** What the choices of a form are made of. */
interface FormSubject {
  readonly machine: Machine;
  readonly networks: NetworkView;
  readonly interfaces: readonly ApiObject[];
  readonly devices: readonly ApiObject[];
  readonly partitions: readonly ApiObject[];
  readonly raids: readonly ApiObject[];
  readonly groups: readonly ApiObject[];
  /** The object that the query names. */
  readonly object: ApiObject | undefined;
}

interface LayoutTask {
  readonly section: SectionName & ('network' | 'storage');
  readonly operation: WantedOperation;
  /** Among which the query's `id` names the object; undefined: the task is about the machine. */
  readonly among?: 'interfaces' | 'devices' | 'partitions' | 'raids' | 'groups';
  readonly only: readonly string[];
  readonly options?: (subject: FormSubject) => Omit<FormOptions, 'only'>;
  /** Parameters that the form cannot choose, or that the query names. */
  readonly fixed?: (query: (name: string) => string) => Readonly<Record<string, string>>;
  readonly isDanger?: true;
}

const NICS = 'nodes/{system_id}/interfaces';
const DEVICES = 'nodes/{system_id}/blockdevices';
const DISK = `${DEVICES}/{id}` as const;
const PARTITION = `${DEVICES}/{device_id}/partition/{id}` as const;
const MACHINE = 'machines/{system_id}';

const listObjectChoices = (objects: readonly ApiObject[]): readonly Choice[] =>
  objects.map((object) => [
    getPropertyText(object, 'id'),
    [getPropertyText(object, 'name'), objectSizeText(object)].filter((text) => text !== '').join(' · '),
  ]);

export const objectSizeText = (object: ApiObject): string =>
  typeof object.size === 'number' && object.size > 0 ? formatSize(object.size) : '';

/** Left out for a new interface: the VLAN of its links, or the default one. */
const listVlanChoices = ({ networks, object }: FormSubject): readonly Choice[] => [
  ...(object === undefined ? [] : [['', words.layout.disconnected] as const]),
  ...networks.vlans.map(({ vlan, fabric }): Choice => [String(vlan.id), `${vlan.name} · ${fabric.name}`]),
];

const listSubnetChoices = ({ networks }: FormSubject): readonly Choice[] =>
  networks.subnets.map(
    ({ subnet }): Choice => [
      String(subnet.id),
      subnet.name === subnet.cidr ? subnet.cidr : `${subnet.name} · ${subnet.cidr}`,
    ],
  );

const physical = ({ interfaces }: FormSubject) => interfaces.filter(({ type }) => type === 'physical');
/** Parts that nothing uses yet. */
const unused = (objects: readonly ApiObject[]) => objects.filter(({ used_for: use }) => use === 'Unused');

const interfaceOptions = (subject: FormSubject) => {
  const { interfaces, object } = subject;
  const set = typeof object?.params === 'object' ? { ...object.params } : {};
  const { vlan } = object ?? {};
  const own = typeof vlan === 'object' && vlan !== null && 'id' in vlan ? String(vlan.id) : '';
  return {
    values: { ...object, ...set, mtu: 'mtu' in set ? set.mtu : undefined, vlan: own },
    choices: {
      parents: listObjectChoices(physical(subject)),
      parent: listObjectChoices(interfaces.filter(({ id }) => id !== object?.id)),
      vlan: listVlanChoices(subject),
    },
  };
};

const partChoices = ({ devices, partitions, raids, object }: FormSubject) => {
  const disks = listObjectChoices(unused(devices.filter(({ type }) => type === 'physical')));
  const parts = listObjectChoices(unused(partitions));
  const members = Array.isArray(object?.devices) ? object.devices : [];
  const own = (isPartition: boolean) =>
    listObjectChoices(members.filter(({ type }) => (type === 'partition') === isPartition));
  return {
    values: { name: object?.name },
    choices: {
      block_devices: [
        ...disks,
        ...(object === undefined
          ? listObjectChoices(unused(devices).filter(({ id }) => raids.some((raid) => raid.id === id)))
          : []),
      ],
      partitions: parts,
      spare_devices: disks,
      spare_partitions: parts,
      add_block_devices: disks,
      add_partitions: parts,
      remove_block_devices: own(false),
      remove_partitions: own(true),
    },
  };
};

const SIZES = ['size'] as const;
const FORMAT = ['fstype', 'label'] as const;
const MOUNT = ['mount_point', 'mount_options'] as const;
const COMMON = ['vlan', 'mtu', 'tags'] as const;
const BOND = ['bond_mode', 'bond_miimon', 'bond_lacp_rate', 'bond_xmit_hash_policy'] as const;
const BRIDGE = ['bridge_stp', 'bridge_fd'] as const;
const MEMBERS = ['block_devices', 'partitions'] as const;
const CHANGES = ['name', 'add_block_devices', 'add_partitions', 'remove_block_devices', 'remove_partitions'] as const;

const nic = (op: string, fields: readonly string[]): LayoutTask => ({
  section: 'network',
  operation: `POST ${NICS} ${op}`,
  only: fields,
  options: interfaceOptions,
});
const ofNic = (method: 'POST' | 'PUT' | 'DELETE', op: string, more: Partial<LayoutTask> = {}): LayoutTask => ({
  section: 'network',
  operation: `${method} ${NICS}/{id}${op === '' ? '' : ` ${op}`}`,
  among: 'interfaces',
  only: [],
  ...more,
});
const machineTask = (section: 'network' | 'storage', op: string, more: Partial<LayoutTask> = {}): LayoutTask => ({
  section,
  operation: `POST ${MACHINE} ${op}`,
  only: [],
  ...more,
});
const ofStorage = (
  operation: WantedOperation,
  among: LayoutTask['among'],
  more: Partial<LayoutTask> = {},
): LayoutTask => ({
  section: 'storage',
  operation,
  ...(among === undefined ? {} : { among }),
  only: [],
  ...more,
});

const TASKS = {
  bond: nic('create_bond', ['name', 'parents', ...BOND, ...COMMON]),
  bridge: nic('create_bridge', ['name', 'parent', ...BRIDGE, ...COMMON]),
  'vlan-interface': nic('create_vlan', ['parent', ...COMMON]),
  interface: nic('create_physical', ['mac_address', 'name', ...COMMON]),
  'edit-physical': ofNic('PUT', '', { only: ['name', ...COMMON], options: interfaceOptions }),
  'edit-bond': ofNic('PUT', '', { only: ['name', ...BOND, ...COMMON], options: interfaceOptions }),
  'edit-bridge': ofNic('PUT', '', { only: ['name', ...BRIDGE, ...COMMON], options: interfaceOptions }),
  'edit-vlan': ofNic('PUT', '', { only: COMMON, options: interfaceOptions }),
  link: ofNic('POST', 'link_subnet', {
    only: ['subnet', 'mode', 'ip_address', 'default_gateway', 'force'],
    options: (subject) => ({ choices: { subnet: listSubnetChoices(subject) } }),
  }),
  unlink: ofNic('POST', 'unlink_subnet', { fixed: (query) => ({ id: query('link') }) }),
  gateway: ofNic('POST', 'set_default_gateway', { fixed: (query) => ({ link_id: query('link') }) }),
  disconnect: ofNic('POST', 'disconnect'),
  tag: ofNic('POST', 'add_tag', { only: ['tag'] }),
  untag: ofNic('POST', 'remove_tag', {
    only: ['tag'],
    options: ({ object }) => ({ choices: { tag: textsIn(object?.tags).map((name): Choice => [name, name]) } }),
  }),
  'delete-interface': ofNic('DELETE', '', { isDanger: true }),
  'clear-gateway': machineTask('network', 'clear_default_gateways'),
  'restore-network': machineTask('network', 'restore_networking_configuration', { isDanger: true }),
  'lay-out': machineTask('storage', 'set_storage_layout', {
    only: ['storage_layout', 'root_device', 'boot_size', 'root_size', 'vg_name', 'lv_name', 'lv_size'],
    options: ({ devices }) => ({
      choices: { root_device: listObjectChoices(devices.filter(({ type }) => type === 'physical')) },
    }),
    isDanger: true,
  }),
  disk: ofStorage(`POST ${DEVICES}`, undefined, { only: ['name', 'size', 'model', 'serial', 'id_path', 'block_size'] }),
  'edit-disk': ofStorage(`PUT ${DISK}`, 'devices', {
    only: ['name', 'size', 'model', 'serial', 'id_path', 'block_size'],
    options: ({ object }) => ({ values: object }),
  }),
  'delete-disk': ofStorage(`DELETE ${DISK}`, 'devices', { isDanger: true }),
  'boot-disk': ofStorage(`POST ${DISK} set_boot_disk`, 'devices'),
  partition: ofStorage(`POST ${DEVICES}/{device_id}/partitions`, 'devices', { only: SIZES }),
  'delete-partition': ofStorage(`DELETE ${PARTITION}`, 'partitions', { isDanger: true }),
  format: ofStorage(`POST ${DISK} format`, 'devices', { only: FORMAT }),
  unformat: ofStorage(`POST ${DISK} unformat`, 'devices'),
  mount: ofStorage(`POST ${DISK} mount`, 'devices', { only: MOUNT }),
  unmount: ofStorage(`POST ${DISK} unmount`, 'devices'),
  'format-partition': ofStorage(`POST ${PARTITION} format`, 'partitions', { only: FORMAT }),
  'unformat-partition': ofStorage(`POST ${PARTITION} unformat`, 'partitions'),
  'mount-partition': ofStorage(`POST ${PARTITION} mount`, 'partitions', { only: MOUNT }),
  'unmount-partition': ofStorage(`POST ${PARTITION} unmount`, 'partitions'),
  raid: ofStorage('POST nodes/{system_id}/raids', undefined, {
    only: ['name', ...MEMBERS, 'spare_devices', 'spare_partitions'],
    options: partChoices,
    fixed: () => ({ level: 'raid-1' }),
  }),
  'edit-raid': ofStorage('PUT nodes/{system_id}/raid/{id}', 'raids', { only: CHANGES, options: partChoices }),
  'delete-raid': ofStorage('DELETE nodes/{system_id}/raid/{id}', 'raids', { isDanger: true }),
  group: ofStorage('POST nodes/{system_id}/volume-groups', undefined, {
    only: ['name', ...MEMBERS],
    options: partChoices,
  }),
  'edit-group': ofStorage('PUT nodes/{system_id}/volume-group/{id}', 'groups', { only: CHANGES, options: partChoices }),
  'delete-group': ofStorage('DELETE nodes/{system_id}/volume-group/{id}', 'groups', { isDanger: true }),
  volume: ofStorage('POST nodes/{system_id}/volume-group/{id} create_logical_volume', 'groups', {
    only: ['name', ...SIZES],
  }),
  'delete-volume': ofStorage('POST nodes/{system_id}/volume-group/{id} delete_logical_volume', 'groups', {
    fixed: (query) => ({ id: query('volume') }),
    isDanger: true,
  }),
  'restore-storage': machineTask('storage', 'restore_storage_configuration', { isDanger: true }),
} as const satisfies Readonly<Record<string, LayoutTask>>;
export type TaskName = keyof typeof TASKS;

const isTask = (name: string): name is TaskName => Object.hasOwn(TASKS, name);
export const TASK_NAMES: readonly TaskName[] = Object.keys(TASKS).filter(isTask);
export const getLayoutTask = (name: TaskName): LayoutTask => TASKS[name];

/** A link to the form of a task. @param about the object in its path, and what else is sent */
export function taskLink({ systemId }: Machine, name: TaskName, about: Readonly<Record<string, string>> = {}): Html {
  const query = new URLSearchParams(about);
  const path = `/MAAS/machines/${systemId}/layout/${name}/${query.size === 0 ? '' : `?${query}`}`;
  const isMaking = getLayoutTask(name).among === undefined;
  return html`<a${isMaking ? html` class="button plain"` : nothing} href="${path}">${words.layout.tasks[name]}</a>`;
}

async function findSubject(view: View, task: LayoutTask): Promise<FormSubject | undefined> {
  const machine = await findMachineInPath(view);
  if (machine === undefined) return undefined;
  const networks = await view.region.networks.look();
  const devices = blockDevicesJson(machine);
  const { raids, volume_groups: groups } = storageFields(machine);
  const parts = {
    interfaces: interfacesJson(machine, networks),
    devices,
    partitions: devices.flatMap(({ partitions }) => parseObjects(partitions)),
    raids: parseObjects(raids),
    groups: parseObjects(groups),
  };
  const { among } = task;
  const id = queryValue(view, task.operation.includes('{id}') ? 'id' : 'device_id');
  const object = among === undefined ? undefined : parts[among].find((object) => getPropertyText(object, 'id') === id);
  return among !== undefined && object === undefined ? undefined : { machine, networks, ...parts, object };
}

export const parseObjects = (value: unknown): readonly ApiObject[] => (Array.isArray(value) ? value : []);

/** What a task does, in the API's words. */
export function describeTask({ operation }: LayoutTask): string {
  const [doc = ''] = findWanted(operation).doc.split('\n');
  // What follows is for programs that repeat their requests.
  const [lead = ''] = doc.split(' Not idempotent');
  return lead;
}

async function renderLayoutForm(view: View) {
  const name = view.path.task ?? '';
  if (!isTask(name)) return undefined;
  const task = getLayoutTask(name);
  const subject = await findSubject(view, task);
  if (subject === undefined) return undefined;
  const { machine, object } = subject;
  const title = words.layout.heading(
    words.layout.tasks[name],
    object === undefined ? '' : getPropertyText(object, 'name'),
    machine.hostname,
  );
  const lead = describeTask(task);
  return renderFullPage(view, {
    title,
    place: 'machines',
    main: html`
      <div class="bar"><h1>${title}</h1></div>
      <div class="sheet narrow"><p class="lead">${codeIn(words.layout.leads[lead] ?? lead)}</p>${renderForm(view, {
        body: renderControls(view, task.operation, {
          only: task.only,
          labels: words.layout.labels,
          hints: words.layout.hints,
          ...task.options?.(subject),
        }),
        submit: words.layout.tasks[name],
        tone: task.isDanger === true ? 'danger' : 'primary',
        back: formatSectionPath(machine, task),
      })}</div>`,
  });
}

const formatSectionPath = ({ systemId, device }: Machine, { section }: LayoutTask) =>
  device === undefined ? sectionPath(systemId, section) : devicePath(systemId);

async function changeLayout(view: View): Promise<Outcome> {
  const name = view.path.task ?? '';
  if (!isTask(name)) return undefined;
  const task = getLayoutTask(name);
  const machine = await findMachineInPath(view);
  if (machine === undefined) return undefined;
  const query = (wanted: string) => queryValue(view, wanted);
  const path = { system_id: machine.systemId, id: query('id'), device_id: query('device_id') };
  const values = { ...collectFormValues(view, task.operation, task), ...task.fixed?.(query) };
  const to = formatSectionPath(machine, task);
  return submit(view, task.operation, path, values, to, words.layout.changed(machine.hostname));
}

/** Who owns a device may change its interfaces; each operation checks that. */
export const LAYOUT_PAGE: PageDefinition = {
  path: '/MAAS/machines/:machine/layout/:task/',
  access: 'user',
  render: renderLayoutForm,
  act: changeLayout,
  operations: TASK_NAMES.map((name) => getLayoutTask(name).operation),
};
