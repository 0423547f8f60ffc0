// The row of one machine in the list of machines, with the columns that a person chose; and that of a device.

import { formatIpv4, formatMac } from '../../../ground/address.ts';
import { asSentence } from '../../../ground/counted.ts';
import { type Html, html, nothing } from '../../../ground/html.ts';
import type { MachinePlacement } from '../../life/machine-placement.ts';
import { type Area, type AreaKind, DEFAULT_AREA } from '../../records/area.ts';
import { shownTo } from '../../records/events.ts';
import { type Machine, machineFqdn, systemName } from '../../records/machine.ts';
import type { MachineEvent } from '../../records/machine-event.ts';
import { isProblem, isWork } from '../../records/machine-search.ts';
import { cell } from '../frame/parts.ts';
import {
  cellText,
  disksText,
  dotted,
  eventText,
  formatMemory,
  none,
  orNone,
  remarkText,
  SPACE,
  statusPill,
  timeAgo,
} from '../frame/values.ts';
import type { View } from '../frame/view.ts';
import { words } from '../frame/words.ts';
import { BOOT_COLOURS } from './last-boot.ts';
import { devicePath, machinePath } from './machine-actions.ts';
import { sectionPath } from './machine-frame.ts';
import { type Column, LIST_PATH } from './machine-query.ts';
import { describePower, driverName, powerPill, powerTaskText } from './power-part.ts';
import { profileNote } from './profile-pages.ts';
import type { BootVerdict } from './waterfall.ts';
import { isWorkWaiting, progressBar, workText } from './work-part.ts';

const PAGE_MACS = 2;
/** The id of the form of actions on many, to which the ticks of all rows belong. */
export const MANY_FORM = 'many-form';

function stateCell(view: View, machine: Machine, boot: BootVerdict | undefined, where: MachinePlacement) {
  const { status } = machine;
  const reason = asSentence(remarkText(machine.statusReason));
  const text = isProblem(status)
    ? cellText(reason, 'why')
    : boot !== undefined
      ? html`<a class="pill ${BOOT_COLOURS[boot.kind]}" href="${sectionPath(machine.systemId, 'boot')}">${words.boots.heads[boot.kind]}</a>${cellText(asSentence(boot.why), 'why')}`
      : isWork(status) && !isWorkWaiting(machine)
        ? html`${progressBar(machine)}${cellText(workText(machine), 'small')}`
        : isWorkWaiting(machine)
          ? html`<div class="small waits">${remarkText(machine.statusReason)}</div>`
          : status === 'deployed'
            ? nothing // How it became Deployed is on its own page.
            : cellText(reason, 'small');
  return html`${statusPill(status)}${text}${profileNote(view, machine, where)}`;
}

function networkCell(machine: Machine, where: MachinePlacement) {
  const addresses = where.addressesOf(machine).slice(0, PAGE_MACS).map(formatIpv4);
  const macs = machine.interfaces.slice(0, PAGE_MACS).map((nic) => html`<span>${formatMac(nic.mac)}</span>`);
  const more = machine.interfaces.length - macs.length;
  if (more > 0) macs.push(html`<span class="soft">${words.values.andMore(more)}</span>`);
  const own = addresses.map((address) => html`<div>${address}</div>`);
  return html`${own}<div class="mono">${macs}</div>`;
}

function hardwareCell(machine: Machine) {
  const { facts } = machine;
  const cpu = facts === undefined || facts.cpu.count === 0 ? '' : words.machines.cpus(facts.cpu.count, SPACE);
  const sizes = [cpu, formatMemory(facts?.memory_mib ?? 0)].filter((text) => text !== '');
  const maker = [facts?.dmi.vendor ?? '', facts?.dmi.product ?? ''].filter((text) => text !== '').join(' ');
  const rest = [disksText(machine), machine.architecture].filter((text) => text !== '');
  const made = maker === '' ? nothing : html`<div class="small clip" title="${maker}">${maker}</div>`;
  return html`${orNone(sizes.join(' · '))}<div class="small">${rest.join(' · ')}</div>${made}`;
}

function powerCell(view: View, machine: Machine) {
  const { state, age, problem } = describePower(view, machine);
  const task = powerTaskText(machine);
  const below = task !== '' ? task : problem !== '' ? '' : dotted([driverName(machine), age]);
  const why = problem === '' || task !== '' ? '' : cellText(asSentence(problem), 'why');
  return html`${powerPill(state)}<div class="small">${below}</div>${why}`;
}

function ownerCell(machine: Machine) {
  const { owner } = machine;
  if (owner === undefined) return none;
  const link = html`<a href="${LIST_PATH}?owner=${encodeURIComponent(owner)}" title="${owner}">${owner}</a>`;
  return html`<div class="cut">${link}</div><div class="small">${systemName(machine)}</div>`;
}

function rackLinks(machine: Machine, context: RowContext) {
  if (!context.hasRacks) return nothing;
  const links = context.where
    .racksOf(machine)
    .slice(0, PAGE_MACS)
    .map(
      ({ name }, index) =>
        html`${index === 0 ? ' · ' : ', '}<a href="${LIST_PATH}?rack=${encodeURIComponent(name)}">${name}</a>`,
    );
  return html`${links}`;
}

function eventCell(view: View, event: MachineEvent | undefined) {
  if (event === undefined) return none;
  const text = cellText(eventText(shownTo(view.viewer)(event)));
  return html`${text}<div class="small">${timeAgo(event.atMs, view.nowMs)}</div>`;
}

const areaCell = (kind: AreaKind, area: Area | undefined) => {
  const name = area?.name ?? DEFAULT_AREA;
  return html`<a class="cut" href="${LIST_PATH}?${kind}=${encodeURIComponent(name)}" title="${name}">${name}</a>`;
};

/** What a row says besides the record of its machine. */
interface RowFindings {
  /** Undefined: the column is not shown, or there is none. */
  readonly event: MachineEvent | undefined;
  /** Of its last boot, if it failed. */
  readonly boot: BootVerdict | undefined;
}

export interface RowContext {
  readonly where: MachinePlacement;
  readonly hasRacks: boolean;
  readonly columns: readonly Column[];
  /** A person chose the columns, so each is shown however narrow the page is. */
  readonly isPicked: boolean;
}

/** Ticks a machine for the form of actions on many, which is elsewhere on the page. */
const renderMachineTick = ({ viewer }: View, { systemId }: Machine, name: string) =>
  viewer.csrf === ''
    ? nothing
    : html`<input type="checkbox" class="tick" name="machine" value="${systemId}" form="${MANY_FORM}" aria-label="${words.many.tick(name)}">`;

function renderMachineCell(
  view: View,
  machine: Machine,
  { event, boot }: RowFindings,
  { where }: RowContext,
  column: Column,
) {
  const label = words.machines.columns[column];
  switch (column) {
    case 'state':
      return cell(label, stateCell(view, machine, boot, where), 'state');
    case 'owner':
      return cell(label, ownerCell(machine), machine.owner === undefined ? 'nearer' : 'owner');
    case 'network':
      return cell(label, networkCell(machine, where));
    case 'power':
      return cell(label, powerCell(view, machine), 'power');
    case 'hardware':
      return cell(label, hardwareCell(machine), 'nearer hardware');
    case 'zone':
    case 'pool':
      return cell(label, areaCell(column, machine[column]));
    case 'event':
      return cell(label, eventCell(view, event), 'nearer event');
  }
}

export function machineRow(view: View, machine: Machine, findings: RowFindings, context: RowContext): Html {
  const name = machineFqdn(machine);
  const tags = machine.tags.map(({ name: tag }) => html`<span class="tag">${tag}</span>`);
  const locked = machine.isLocked === true ? html`<span class="tag amber">${words.machines.locked}</span>` : nothing;
  return html`
    <tr>
    <td class="first"><div>${renderMachineTick(view, machine, name)}<div class="name"><a href="${machinePath(machine.systemId)}">${name}</a></div>
    <div class="small cut"><span class="id">${machine.systemId}</span>${rackLinks(machine, context)}</div>${locked}${tags}</div></td>
    ${context.columns.map((column) => renderMachineCell(view, machine, findings, context, column))}
    </tr>`;
}

/** Of what a device has, its reserved addresses come first. */
function deviceAddresses(machine: Machine, where: MachinePlacement) {
  const reserved = new Set(machine.addresses.map(({ address }) => address));
  const addresses = where.addressesOf(machine).map((address) => {
    const how = reserved.has(address) ? words.machines.devices.reserved : words.machines.devices.leased;
    return html`<div>${formatIpv4(address)} <span class="small">${how}</span></div>`;
  });
  return addresses.length === 0 ? none : html`${addresses}`;
}

export function deviceRow(view: View, machine: Machine, { where }: RowContext): Html {
  const { columns } = words.machines.devices;
  const name = machineFqdn(machine);
  const macs = machine.interfaces.map(({ mac }) => html`<span>${formatMac(mac)}</span>`);
  const { device: parent = '', owner = '' } = machine;
  return html`
    <tr>
    <td class="first"><div>${renderMachineTick(view, machine, name)}<div class="name"><a href="${devicePath(machine.systemId)}">${name}</a></div>
    <div class="small cut"><span class="id">${machine.systemId}</span></div></div></td>
    ${cell(columns.addresses, deviceAddresses(machine, where))}
    ${cell(columns.macs, html`<div class="mono">${macs}</div>`)}
    ${cell(columns.owner, orNone(owner))}
    ${cell(columns.parent, parent === '' ? none : html`<a href="${machinePath(parent)}">${parent}</a>`)}
    ${cell(columns.zone, areaCell('zone', machine.zone))}
    ${cell(columns.note, orNone(machine.description), 'nearer')}
    </tr>`;
}
