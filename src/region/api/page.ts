// The page at /MAAS/: the machines, what they are, and what happened last. Rendered here, whole; no framework.
//
// 1. Every text that was not written in this file goes through `escapeHtml`, also inside attributes.
// 2. Nothing on it can be changed, so nothing on it needs protection against forged requests.

import { formatMac } from '../../net/address.ts';
import { STATUSES } from '../lifecycle.ts';
import { type Machine, machineFqdn } from '../machine.ts';
import { EVENT_TYPES, type MachineEvent } from '../machine-event.ts';
import type { Region } from '../region.ts';
import { escapeHtml } from './html.ts';
import { addressesOf } from './machine-json.ts';
import { machinePath } from './machine-page.ts';
import { renderNotices } from './page-notices.ts';
import {
  asSentence,
  disksText,
  formatAge,
  formatMemory,
  livePage,
  none,
  orNone,
  SPACE,
  statusPill,
} from './page-parts.ts';
import { renderRacks } from './page-racks.ts';

/** Machines on the page, New ones first; the API lists all. */
export const PAGE_MACHINES_MAX = 200;
const PAGE_EVENTS = 40;
const PAGE_MACS = 4;
/** Machines that were seen and are not enlisted: so many, and heard of within a day. */
const PAGE_STRANGERS = 12;
const STRANGER_AGE_MS = 86_400_000;
const cell = (label: string, content: string): string => `<td data-label="${label}"><div>${content}</div></td>`;
function machineRow(machine: Machine, event: MachineEvent | undefined, nowMs: number): string {
  const { facts } = machine;
  const macs = machine.interfaces.slice(0, PAGE_MACS).map((nic) => `<span>${formatMac(nic.mac)}</span>`);
  const more = machine.interfaces.length - macs.length;
  if (more > 0) macs.push(`<span class="soft">and ${more} more</span>`);
  const addresses = addressesOf(machine).slice(0, PAGE_MACS).join(', ');
  const hardware = [facts?.dmi.vendor ?? '', facts?.dmi.product ?? ''].filter((text) => text !== '').join(' ');
  const cpu = facts === undefined || facts.cpu.count === 0 ? '' : `${facts.cpu.count}${SPACE}×${SPACE}CPU`;
  const sizes = [cpu, formatMemory(facts?.memory_mib ?? 0)].filter((text) => text !== '').join(' · ');
  const power = machine.powerType === '' ? `by${SPACE}hand` : machine.powerType;
  const last =
    event === undefined
      ? none
      : `${escapeHtml(asSentence(event.description))}<div class="small">${formatAge(nowMs - event.atMs)}</div>`;
  return [
    '<tr>',
    `<td class="first"><div><div class="name"><a href="${machinePath(machine.systemId)}">${escapeHtml(machineFqdn(machine))}</a></div>`,
    `<div class="small mono">${escapeHtml(machine.systemId)}</div>`,
    `<div class="small">${escapeHtml(machine.statusMessage)}</div></div>`,
    `${statusPill(machine.status)}</td>`,
    cell('Network', `<div class="mono">${macs.join('')}</div><div class="small">${escapeHtml(addresses)}</div>`),
    cell('Hardware', `${orNone(sizes)}<div class="small">${escapeHtml(facts?.cpu.model ?? '')}</div>`),
    cell('Disks', orNone(disksText(machine))),
    cell('Platform', `${escapeHtml(machine.architecture)}<div class="small">${escapeHtml(hardware)}</div>`),
    cell('Power', `${escapeHtml(power)}<div class="small">${escapeHtml(machine.powerState)}</div>`),
    cell('Last seen', last),
    '</tr>',
  ].join('');
}

/** Who did it, with the way to its page: a machine by its name, a stranger by the hardware address before its text. */
function whoOf({ systemId, hostname, username, description }: MachineEvent): {
  readonly who: string;
  readonly what: string;
} {
  const what = asSentence(description);
  if (systemId !== undefined) return { who: linkTo(systemId, hostname ?? systemId), what };
  const [, mac, text] = STRANGER.exec(description) ?? [];
  if (mac !== undefined && text !== undefined) return { who: linkTo(mac, mac), what: asSentence(text) };
  return { who: username === '' ? none : escapeHtml(username), what };
}

const STRANGER = /^((?:[0-9a-f]{2}:){5}[0-9a-f]{2}): (.+)$/s;

const linkTo = (machine: string, text: string): string => `<a href="${machinePath(machine)}">${escapeHtml(text)}</a>`;

function eventItem(event: MachineEvent, nowMs: number): string {
  const { who, what } = whoOf(event);
  return [
    `<li><time datetime="${new Date(event.atMs).toISOString()}">${formatAge(nowMs - event.atMs)}</time>`,
    `<span class="who">${who}</span>`,
    `<span class="kind soft">${escapeHtml(EVENT_TYPES[event.type].title)}</span>`,
    `<span class="what ${event.level}">${escapeHtml(what)}</span></li>`,
  ].join('');
}

/** Machines that boot from the network and have not enlisted: an operator who waits for one sees here how far it came. */
function strangers(region: Region, nowMs: number): string {
  const seen = region.store.listStrangers(nowMs - STRANGER_AGE_MS, PAGE_STRANGERS);
  if (seen.length === 0) return '';
  const items = seen.map(({ mac, event }) =>
    eventItem({ ...event, description: `${formatMac(mac)}: ${event.description}` }, nowMs),
  );
  return `<h2>Seen, not enlisted</h2><div class="sheet"><ol class="events">${items.join('')}</ol></div>`;
}

/** Up to the bound, New machines first. */
function machinesShown(region: Region): readonly Machine[] {
  const others = STATUSES.map((row) => row.status).filter((status) => status !== 'new');
  const fresh = region.store.listMachines({ statuses: ['new'] }, 0, PAGE_MACHINES_MAX);
  const rest = PAGE_MACHINES_MAX - fresh.length;
  return rest === 0 ? fresh : [...fresh, ...region.store.listMachines({ statuses: others }, 0, rest)];
}

/** The page as it is now. */
export function renderPage(region: Region): string {
  const { store } = region;
  const nowMs = region.clock.wallTimeMs();
  const machines = machinesShown(region);
  const total = store.countMachines({});
  const newest = store.newestEvents(machines.map((machine) => machine.systemId));
  const events = store.listEvents({ limit: PAGE_EVENTS });
  const counts = STATUSES.map((row) => ({ row, count: store.countMachines({ statuses: [row.status] }) }))
    .filter(({ count }) => count > 0)
    .map(({ row, count }) => `<li><b>${count}</b>${statusPill(row.status)}</li>`);
  const headings = ['Machine', 'Network', 'Hardware', 'Disks', 'Platform', 'Power', 'Last seen'];
  const table =
    total === 0
      ? '<div class="sheet empty"><b>No machines yet</b><span class="soft">Start one from the network: it appears here by itself, ' +
        'usually within a minute.</span></div>'
      : `<div class="sheet"><table><thead><tr>${headings.map((text) => `<th>${text}</th>`).join('')}</tr></thead><tbody>` +
        `${machines.map((machine) => machineRow(machine, newest.get(machine.systemId), nowMs)).join('')}</tbody></table></div>`;
  const cut =
    total > machines.length ? `<p class="small">${machines.length} of ${total} are shown; the API lists all.</p>` : '';
  const log =
    events.length === 0
      ? '<div class="sheet empty soft">Nothing has happened yet.</div>'
      : `<div class="sheet"><ol class="events">${events.map((event) => eventItem(event, nowMs)).join('')}</ol></div>`;
  return livePage({
    title: total === 0 ? 'Rackboot' : `${total} machines · Rackboot`,
    heading: '<span class="soft">machines of this region</span>',
    main:
      `<ul class="counts">${counts.join('')}</ul>${renderNotices(region)}<h2>Machines</h2>${table}${cut}${strangers(region, nowMs)}` +
      `${renderRacks(region, nowMs)}<h2>What happened</h2>${log}`,
    footer: 'This page looks only. To act, use the command line or the API with a key: <code>rackboot apikey</code>.',
  });
}
