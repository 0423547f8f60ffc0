// The page at /MAAS/: the machines, what they are, and what happened last. Rendered here, whole; no framework.
//
// 1. Every text that was not written in this file goes through `escapeHtml`, also inside attributes.
// 2. Nothing on it can be changed, so nothing on it needs protection against forged requests.

import { formatMac } from '../../net/address.ts';
import { type MachineStatus, STATUSES, statusRow } from '../lifecycle.ts';
import { type Machine, machineFqdn } from '../machine.ts';
import { EVENT_TYPES, type MachineEvent } from '../machine-event.ts';
import type { Region } from '../region.ts';
import { escapeHtml } from './html.ts';
import { addressesOf } from './machine-json.ts';
import { renderNotices } from './page-notices.ts';
import { PAGE_SCRIPT, PAGE_STYLE } from './page-style.ts';

/** Machines on the page, New ones first; the API lists all. */
export const PAGE_MACHINES_MAX = 200;
const PAGE_EVENTS = 40;
const PAGE_MACS = 4;
/** A number and its unit stay on one line. */
const SPACE = '\u00a0';

const COLOURS: Readonly<Partial<Record<MachineStatus, string>>> = {
  new: 'violet',
  ready: 'green',
  deployed: 'green',
  allocated: 'blue',
  reserved: 'blue',
  retired: 'grey',
  missing: 'amber',
  broken: 'red',
};

function colourOf(status: MachineStatus): string {
  if (status.startsWith('failed')) return 'red';
  return COLOURS[status] ?? (statusRow(status).failed === undefined ? 'grey' : 'amber');
}

/** `3 s ago`, `5 min ago`, `2 h ago`, `4 d ago`. */
export function formatAge(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 5) return 'just now';
  if (seconds < 60) return `${seconds} s ago`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  return seconds < 172_800 ? `${Math.floor(seconds / 3600)} h ago` : `${Math.floor(seconds / 86_400)} d ago`;
}

/** Memory in the unit people buy it in. */
function formatMemory(mib: number): string {
  if (mib === 0) return '';
  return mib < 1024 ? `${mib}${SPACE}MiB` : `${Math.round((mib / 1024) * 10) / 10}${SPACE}GiB`;
}

/** Disks in the unit people buy them in: powers of ten. */
export function formatDisk(bytes: number): string {
  const [unit, size] = bytes >= 1e12 ? ['TB', 1e12] : bytes >= 1e9 ? ['GB', 1e9] : ['MB', 1e6];
  return `${Math.round((bytes / size) * 10) / 10}${SPACE}${unit}`;
}

function disksText(machine: Machine): string {
  const sizes = new Map<string, number>();
  for (const disk of machine.facts?.disks ?? []) {
    const size = formatDisk(disk.bytes);
    sizes.set(size, (sizes.get(size) ?? 0) + 1);
  }
  return [...sizes].map(([size, count]) => (count === 1 ? size : `${count}${SPACE}×${SPACE}${size}`)).join(', ');
}

const cell = (label: string, content: string): string => `<td data-label="${label}"><div>${content}</div></td>`;
const none = '<span class="soft">–</span>';
const orNone = (text: string): string => (text === '' ? none : escapeHtml(text));

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
      : `${escapeHtml(event.description)}<div class="small">${formatAge(nowMs - event.atMs)}</div>`;
  return [
    '<tr>',
    `<td class="first"><div><div class="name">${escapeHtml(machineFqdn(machine))}</div>`,
    `<div class="small mono">${escapeHtml(machine.systemId)}</div>`,
    `<div class="small">${escapeHtml(machine.statusMessage)}</div></div>`,
    `<span class="pill ${colourOf(machine.status)}">${escapeHtml(statusRow(machine.status).name)}</span></td>`,
    cell('Network', `<div class="mono">${macs.join('')}</div><div class="small">${escapeHtml(addresses)}</div>`),
    cell('Hardware', `${orNone(sizes)}<div class="small">${escapeHtml(facts?.cpu.model ?? '')}</div>`),
    cell('Disks', orNone(disksText(machine))),
    cell('Platform', `${escapeHtml(machine.architecture)}<div class="small">${escapeHtml(hardware)}</div>`),
    cell('Power', `${escapeHtml(power)}<div class="small">${escapeHtml(machine.powerState)}</div>`),
    cell('Last seen', last),
    '</tr>',
  ].join('');
}

function eventItem(event: MachineEvent, nowMs: number): string {
  const who = event.hostname ?? (event.username === '' ? '' : event.username);
  return [
    `<li><time datetime="${new Date(event.atMs).toISOString()}">${formatAge(nowMs - event.atMs)}</time>`,
    `<span class="who">${who === '' ? none : escapeHtml(who)}</span>`,
    `<span class="kind soft">${escapeHtml(EVENT_TYPES[event.type].title)}</span>`,
    `<span class="what ${event.level}">${escapeHtml(event.description)}</span></li>`,
  ].join('');
}

function documentOf(title: string, body: string, head = ''): string {
  return [
    '<!doctype html><html lang="en"><head><meta charset="utf-8">',
    '<meta name="viewport" content="width=device-width, initial-scale=1">',
    `<title>${escapeHtml(title)}</title><style>${PAGE_STYLE}</style>${head}</head><body>${body}</body></html>\n`,
  ].join('');
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
    .map(({ row, count }) => `<li><b>${count}</b><span class="pill ${colourOf(row.status)}">${row.name}</span></li>`);
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
  return documentOf(
    total === 0 ? 'Rackboot' : `${total} machines · Rackboot`,
    '<header><h1>Rackboot</h1><span class="soft">machines of this region</span><span class="fresh">live</span></header>' +
      `<main><ul class="counts">${counts.join('')}</ul>${renderNotices(region)}<h2>Machines</h2>${table}${cut}<h2>What happened</h2>${log}</main>` +
      '<footer>This page looks only. To act, use the command line or the API with a key: <code>rackboot apikey</code>.</footer>' +
      `<script>${PAGE_SCRIPT}</script>`,
    '<noscript><meta http-equiv="refresh" content="5"></noscript>',
  );
}

/** What somebody sees who has to say who they are first. */
export function renderSignIn(): string {
  return documentOf(
    'Sign in · Rackboot',
    '<div class="sheet card"><h1>Who is there?</h1><p>This page shows the machines of this region to people with an account. ' +
      'Load it again and give your user name and password.</p><p class="soft">There is no account yet? On the rack itself: ' +
      '<code>rackboot createadmin</code>. From the rack itself the page needs no password: <code>http://127.0.0.1:5240/MAAS/</code>.</p></div>',
  );
}
