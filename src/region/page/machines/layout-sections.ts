// The network and the disks of one machine, at /MAAS/machines/SYSTEM-ID/network/ and …/storage/: as
// they are, and as they will be deployed, with links to the forms that change them.
//
// 1. While a system uses the layout, nothing can be changed, and the page says so instead of
//    offering it (`refuseState`).

import { formatIpv4, formatMac } from '../../../ground/address.ts';
import { type Html, html, nothing } from '../../../ground/html.ts';
import { formatSize } from '../../../ground/quantity.ts';
import { blockDevicesJson, bootDiskIndex, storageFields } from '../../api/json/disk-json.ts';
import { CHANGEABLE, refuseState } from '../../api/layout/layout-calls.ts';
import { buildNetInterfaces, type NetInterface, type NetLink } from '../../layout/interfaces.ts';
import type { Machine } from '../../records/machine.ts';
import { type ApiObject, getPropertyText } from '../frame/object-pages.ts';
import { cell } from '../frame/parts.ts';
import { codeIn, copyable } from '../frame/values.ts';
import type { PageDefinition, View } from '../frame/view.ts';
import { words } from '../frame/words.ts';
import { objectSizeText, parseObjects, type TaskName, taskLink } from './layout-forms.ts';
import { renderNics } from './machine-facts.ts';
import { findAddressed, renderMachineSection } from './machine-frame.ts';

/** Why the layout cannot be changed now; undefined if it can; empty for a person who may not change it. */
function barrier({ viewer }: View, machine: Machine, part: 'network' | 'disks'): string | undefined {
  if (!viewer.isAdmin) return '';
  if (refuseState(machine, part) === undefined) return undefined;
  const { hostname, systemId, status, isLocked } = machine;
  const { state } = words.values;
  return isLocked === true
    ? words.layout.locked(hostname, systemId)
    : words.layout.inUse(hostname, state(status), CHANGEABLE.map(state));
}

const renderSectionNote = (text: string | undefined) =>
  text === undefined || text === '' ? nothing : html`<div class="sheet note">${codeIn(text)}</div>`;

/** The links in a row of a table; empty if nothing can be changed. */
const renderTaskLinks = (
  machine: Machine,
  isOpen: boolean,
  tasks: readonly (readonly [TaskName, Readonly<Record<string, string>>])[],
) =>
  isOpen && tasks.length > 0
    ? html`<span class="links">${tasks.map(([name, about]) => taskLink(machine, name, about))}</span>`
    : nothing;

function renderLayoutTable(labels: readonly string[], rows: readonly Html[]) {
  const head = labels.map((label) => html`<th>${label}</th>`);
  return html`<div class="sheet"><table class="plain"><thead><tr>${head}</tr></thead><tbody>${rows}</tbody></table></div>`;
}

const EDITS = { physical: 'edit-physical', bond: 'edit-bond', bridge: 'edit-bridge', vlan: 'edit-vlan' } as const;

function linkText({ mode, subnet, address }: NetLink) {
  const where = subnet === undefined ? '' : words.layout.inSubnet(subnet.subnet.cidr);
  const at = address === undefined ? '' : formatIpv4(address);
  return [words.layout.modes[mode], where, at].filter((text) => text !== '').join(' ');
}

/** @param isLabelled true if its tags can be changed, which affect nothing */
function interfaceRow(
  machine: Machine,
  nic: NetInterface,
  all: readonly NetInterface[],
  isOpen: boolean,
  isLabelled: boolean,
) {
  const { id, kind, name, mac, vlan, links, mtu, parents, tags } = nic;
  const labels = words.layout.network;
  const about = { id: String(id) };
  const gateway = machine.layout?.network?.gatewayLink;
  const of = parents.map((parent) => all.find((other) => other.id === parent)?.name ?? '').join(', ');
  const addresses = links.map((link) => {
    const ofLink = { ...about, link: String(link.id) };
    const more: readonly (readonly [TaskName, Readonly<Record<string, string>>])[] = [
      ...(link.subnetId === undefined ? [] : ([['unlink', ofLink]] as const)),
      ...(link.subnet?.gateway === undefined || link.id === gateway ? [] : ([['gateway', ofLink]] as const)),
    ];
    const isGateway = link.id === gateway ? html` <span class="tag">${labels.gateway}</span>` : nothing;
    return html`<div>${linkText(link)}${isGateway} ${renderTaskLinks(machine, isOpen, more)}</div>`;
  });
  const own = renderTaskLinks(machine, isLabelled, [
    ...(isOpen ? ([[EDITS[kind], about]] as const) : []),
    ...(isOpen ? ([['link', about]] as const) : []),
    ['tag', about],
    ...(tags.length === 0 ? [] : ([['untag', about]] as const)),
    ...(isOpen ? ([['disconnect', about]] as const) : []),
    ...(isOpen ? ([['delete-interface', about]] as const) : []),
  ]);
  return html`
    <tr><td class="first"><div><div class="name">${name}</div><div class="small">${labels.kinds[kind]}${of === '' ? '' : ` · ${of}`}</div>
    ${tags.map((tag) => html`<span class="tag">${tag}</span>`)}</div></td>
    ${cell(labels.columns[1], copyable(formatMac(mac)))}
    ${cell(labels.columns[2], vlan === undefined ? words.layout.disconnected : `${vlan.vlan.name} · ${vlan.fabric.name}`)}
    ${cell(labels.columns[3], html`${addresses}`)}${cell(labels.columns[4], mtu)}${isLabelled ? cell(labels.columns[5], own) : nothing}</tr>`;
}

/** The interfaces of a machine or a device as they are wanted, and what else can be made there. */
export async function interfacesTable(view: View, machine: Machine, isOpen: boolean): Promise<Html> {
  const { columns } = words.layout.network;
  const isLabelled = isOpen || view.viewer.isAdmin;
  const all = buildNetInterfaces(machine, await view.region.networks.look());
  const rows = all.map((nic) => interfaceRow(machine, nic, all, isOpen, isLabelled));
  const { network } = machine.layout ?? {};
  const making: readonly TaskName[] = [
    ...(machine.device === undefined ? (['bond', 'bridge', 'vlan-interface'] as const) : []),
    'interface',
    ...(network?.gatewayLink === undefined || machine.device !== undefined ? [] : (['clear-gateway'] as const)),
    ...(network === undefined || machine.device !== undefined ? [] : (['restore-network'] as const)),
  ];
  const buttons = isOpen ? html`<div class="buttons">${making.map((name) => taskLink(machine, name))}</div>` : nothing;
  return html`${renderLayoutTable(isLabelled ? columns : columns.slice(0, -1), rows)}${buttons}`;
}

async function renderNetwork(view: View): Promise<Html | undefined> {
  const machine = await findAddressed(view);
  if (machine === undefined) return undefined;
  const labels = words.layout.network;
  const closed = barrier(view, machine, 'network');
  const isChosen = machine.layout?.network !== undefined;
  return renderMachineSection(view, machine, {
    section: 'network',
    main: html`
      <div id="wanted"><div class="bar"><h2>${labels.wanted}</h2><span class="small">${isChosen ? words.layout.chosen : words.layout.asCommissioned}</span></div>
      ${renderSectionNote(closed)}${await interfacesTable(view, machine, closed === undefined)}</div>
      <div id="present"><h2>${labels.present}</h2>${renderNics(machine)}</div>`,
  });
}

type About = Readonly<Record<string, string>>;

function fileSystemText(object: ApiObject) {
  const { filesystem } = object;
  if (typeof filesystem !== 'object' || filesystem === null) return '';
  const fileSystem: ApiObject = { ...filesystem };
  const at = getPropertyText(fileSystem, 'mount_point');
  return [
    getPropertyText(fileSystem, 'fstype'),
    getPropertyText(fileSystem, 'label'),
    at === '' ? '' : words.layout.storage.mountedAt(at),
  ]
    .filter((text) => text !== '')
    .join(' · ');
}

/** What can be done with a part that can have a file system. */
function fileSystemTasks(
  object: ApiObject,
  about: About,
  isPartition: boolean,
): readonly (readonly [TaskName, About])[] {
  const { filesystem, used_for: use } = object;
  const name = (task: 'format' | 'unformat' | 'mount' | 'unmount'): TaskName =>
    isPartition ? `${task}-partition` : task;
  if (typeof filesystem !== 'object' || filesystem === null) return use === 'Unused' ? [[name('format'), about]] : [];
  const isMounted = 'mount_point' in filesystem && filesystem.mount_point !== null;
  return [
    [name(isMounted ? 'unmount' : 'mount'), about],
    [name('unformat'), about],
  ];
}

interface StorageRow {
  readonly object: ApiObject;
  readonly detail: string;
  readonly use: string;
  readonly isBelow: boolean;
  readonly tasks: readonly (readonly [TaskName, About])[];
}

function storageRow(machine: Machine, { object, detail, use, isBelow, tasks }: StorageRow, isOpen: boolean) {
  const { columns } = words.layout.storage;
  return html`
    <tr><td class="first"><div class="${isBelow ? 'below' : ''}"><div class="name">${getPropertyText(object, 'name')}</div>
    <div class="small">${detail}</div></div></td>
    ${cell(columns[1], objectSizeText(object))}${cell(columns[2], use)}${cell(columns[3], renderTaskLinks(machine, isOpen, tasks))}</tr>`;
}

function diskRows(disk: ApiObject, isBoot: boolean): readonly StorageRow[] {
  const labels = words.layout.storage;
  const device = getPropertyText(disk, 'id');
  const about = { id: device };
  const partitions = parseObjects(disk.partitions);
  const free = typeof disk.available_size === 'number' ? disk.available_size : 0;
  const own: StorageRow = {
    object: disk,
    detail: [getPropertyText(disk, 'model'), getPropertyText(disk, 'serial'), isBoot ? labels.boot : '']
      .filter((text) => text !== '')
      .join(' · '),
    use:
      fileSystemText(disk) ||
      (partitions.length > 0 ? labels.free(formatSize(free)) : labels.use(getPropertyText(disk, 'used_for'))),
    isBelow: false,
    tasks: [
      ...(free > 0 ? ([['partition', { device_id: device }]] as const) : []),
      ...(partitions.length === 0 ? fileSystemTasks(disk, about, false) : []),
      ...(isBoot ? [] : ([['boot-disk', about]] as const)),
      ['edit-disk', about],
      ['delete-disk', about],
    ],
  };
  return [
    own,
    ...partitions.map((part): StorageRow => {
      const ofPart = { device_id: device, id: getPropertyText(part, 'id') };
      return {
        object: part,
        detail: labels.partition,
        use: fileSystemText(part) || labels.use(getPropertyText(part, 'used_for')),
        isBelow: true,
        tasks: [...fileSystemTasks(part, ofPart, true), ['delete-partition', ofPart]],
      };
    }),
  ];
}

const memberNames = (object: ApiObject, name: string) =>
  parseObjects(object[name])
    .map((object) => getPropertyText(object, 'name'))
    .join(', ');

function raidRow(raid: ApiObject, devices: readonly ApiObject[]): StorageRow {
  const about = { id: getPropertyText(raid, 'id') };
  const device = devices.find(({ id }) => id === raid.id) ?? raid;
  return {
    object: device,
    detail: words.layout.storage.raid(memberNames(raid, 'devices'), memberNames(raid, 'spare_devices')),
    use: fileSystemText(device) || words.layout.storage.use(getPropertyText(device, 'used_for')),
    isBelow: false,
    tasks: [...fileSystemTasks(device, about, false), ['edit-raid', about], ['delete-raid', about]],
  };
}

function groupRows(group: ApiObject): readonly StorageRow[] {
  const labels = words.layout.storage;
  const about = { id: getPropertyText(group, 'id') };
  const free = typeof group.available_size === 'number' ? group.available_size : 0;
  const volumes = parseObjects(group.logical_volumes);
  const own: StorageRow = {
    object: group,
    detail: labels.group(memberNames(group, 'devices')),
    use: labels.free(formatSize(free)),
    isBelow: false,
    tasks: [
      ...(free > 0 ? ([['volume', about]] as const) : []),
      ['edit-group', about],
      ...(volumes.length === 0 ? ([['delete-group', about]] as const) : []),
    ],
  };
  return [
    own,
    ...volumes.map((volume): StorageRow => {
      const ofVolume = { id: getPropertyText(volume, 'id') };
      return {
        object: volume,
        detail: labels.volume,
        use: fileSystemText(volume) || labels.use(getPropertyText(volume, 'used_for')),
        isBelow: true,
        tasks: [...fileSystemTasks(volume, ofVolume, false), ['delete-volume', { ...about, volume: ofVolume.id }]],
      };
    }),
  ];
}

async function renderStorage(view: View): Promise<Html | undefined> {
  const machine = await findAddressed(view);
  if (machine === undefined) return undefined;
  const labels = words.layout.storage;
  const closed = barrier(view, machine, 'disks');
  const isOpen = closed === undefined;
  const devices = blockDevicesJson(machine);
  const { raids, volume_groups: groups } = storageFields(machine);
  const boot = bootDiskIndex(machine);
  const rows = [
    ...devices.filter(({ type }) => type === 'physical').flatMap((disk, index) => diskRows(disk, index === boot)),
    ...parseObjects(raids).map((raid) => raidRow(raid, devices)),
    ...parseObjects(groups).flatMap(groupRows),
  ];
  const isChosen = machine.layout?.storage !== undefined;
  const making: readonly TaskName[] = [
    'lay-out',
    'raid',
    'group',
    'disk',
    ...(isChosen ? (['restore-storage'] as const) : []),
  ];
  const list =
    rows.length === 0
      ? html`<div class="sheet empty"><b>${labels.none}</b><span class="soft">${labels.noneHint}</span></div>`
      : renderLayoutTable(
          isOpen ? labels.columns : labels.columns.slice(0, -1),
          rows.map((row) => storageRow(machine, row, isOpen)),
        );
  return renderMachineSection(view, machine, {
    section: 'storage',
    main: html`
      <div id="wanted"><div class="bar"><h2>${labels.wanted}</h2><span class="small">${isChosen ? words.layout.chosen : words.layout.asCommissioned}</span></div>
      ${renderSectionNote(closed)}${list}
      ${isOpen ? html`<div class="buttons">${making.map((name) => taskLink(machine, name))}</div>` : nothing}</div>`,
  });
}

export const LAYOUT_SECTIONS: readonly PageDefinition[] = [
  { path: '/MAAS/machines/:machine/network/', access: 'user', render: renderNetwork },
  { path: '/MAAS/machines/:machine/storage/', access: 'user', render: renderStorage },
];
