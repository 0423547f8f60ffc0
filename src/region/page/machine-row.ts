// The row of one machine in the list of machines: its state, owner, network, power, hardware and last event.

import { asSentence } from '../../counted.ts';
import { type Html, html, nothing } from '../../html.ts';
import { formatIpv4, formatMac } from '../../net/address.ts';
import { formatAge } from '../../quantity.ts';
import type { Whereabouts } from '../life/whereabouts.ts';
import { remarkSentence, shownTo } from '../records/events.ts';
import { type Machine, machineFqdn, systemName } from '../records/machine.ts';
import type { MachineEvent } from '../records/machine-event.ts';
import { isProblem, isWork } from '../records/machine-search.ts';
import { machinePath } from './machine-actions.ts';
import { cell } from './parts.ts';
import { driverName, powerOf, powerPill, powerTaskText } from './power-part.ts';
import { cellText, disksText, eventText, formatMemory, none, orNone, SPACE, statusPill } from './values.ts';
import type { View } from './view.ts';
import { words } from './words.ts';
import { isWaiting, progressBar, workText } from './work-part.ts';

const PAGE_MACS = 2;

function stateCell(machine: Machine) {
  const { status } = machine;
  const reason = asSentence(remarkSentence(machine.statusReason));
  const text = isProblem(status)
    ? cellText(reason, 'why')
    : isWork(status) && !isWaiting(machine)
      ? html`${progressBar(machine)}${cellText(workText(machine), 'small')}`
      : isWaiting(machine)
        ? html`<div class="small waits">${remarkSentence(machine.statusReason)}</div>`
        : status === 'deployed'
          ? nothing // How it became Deployed is on its own page.
          : cellText(reason, 'small');
  return html`${statusPill(status)}${text}`;
}

function networkCell(machine: Machine, where: Whereabouts) {
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
  const { state, age, problem } = powerOf(view, machine);
  const task = powerTaskText(machine);
  const below =
    task !== ''
      ? task
      : problem !== ''
        ? ''
        : [driverName(machine), age.replaceAll(' ', SPACE)].filter((text) => text !== '').join(' · ');
  const why = problem === '' || task !== '' ? '' : cellText(asSentence(problem), 'why');
  return html`${powerPill(state)}<div class="small">${below}</div>${why}`;
}

function ownerCell(machine: Machine) {
  const { owner } = machine;
  if (owner === undefined) return none;
  const link = html`<a href="/MAAS/machines/?owner=${encodeURIComponent(owner)}" title="${owner}">${owner}</a>`;
  return html`<div class="cut">${link}</div><div class="small">${systemName(machine)}</div>`;
}

function rackLinks(machine: Machine, shown: Shown) {
  if (!shown.hasRacks) return nothing;
  const links = shown.where
    .racksOf(machine)
    .slice(0, PAGE_MACS)
    .map(
      ({ name }, index) =>
        html`${index === 0 ? ' · ' : ', '}<a href="/MAAS/machines/?rack=${encodeURIComponent(name)}">${name}</a>`,
    );
  return html`${links}`;
}

export interface Shown {
  readonly where: Whereabouts;
  readonly hasRacks: boolean;
  readonly hasOwners: boolean;
}

export function machineRow(view: View, machine: Machine, event: MachineEvent | undefined, shown: Shown): Html {
  const last =
    event === undefined
      ? none
      : html`${cellText(eventText(shownTo(view.viewer)(event)))}<div class="small">${formatAge(view.nowMs - event.atMs)}</div>`;
  const tags = machine.tags.map(({ name }) => html`<span class="tag">${name}</span>`);
  const { columns } = words.machines;
  return html`
    <tr>
    <td class="first"><div><div class="name"><a href="${machinePath(machine.systemId)}">${machineFqdn(machine)}</a></div>
    <div class="small cut"><span class="id">${machine.systemId}</span>${rackLinks(machine, shown)}</div>${tags}</div></td>
    ${cell(columns.state, stateCell(machine), 'state')}
    ${shown.hasOwners ? cell(columns.owner, ownerCell(machine), machine.owner === undefined ? 'nearer' : 'owner') : nothing}
    ${cell(columns.network, networkCell(machine, shown.where))}
    ${cell(columns.power, powerCell(view, machine), 'power')}
    ${cell(columns.hardware, hardwareCell(machine), 'nearer hardware')}
    ${cell(columns.event, last, 'nearer event')}
    </tr>`;
}
