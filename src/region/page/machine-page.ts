// The page of one machine at /MAAS/machines/SYSTEM-ID/: state, actions, power, facts, test results, and its log boot by boot.
// A host that is not enlisted has a page under its hardware address.
//
// 1. Power parameters are not shown: they contain passwords. Script output is shown only to people with an account.
// 2. Each part has an id, so the browser refreshes it separately.

import { asSentence } from '../../counted.ts';
import { type Html, html, nothing } from '../../html.ts';
import { formatMac, type MacAddress, mac as macAddress, parseMac } from '../../net/address.ts';
import { remarkSentence, shownTo } from '../records/events.ts';
import { statusRow } from '../records/lifecycle.ts';
import { type Machine, machineFqdn } from '../records/machine.ts';
import type { Region } from '../region.ts';
import { debugButton, renderLogins } from './logins-part.ts';
import { actionPath, actionsFor, type MachineAction, machinePath, toneOf } from './machine-actions.ts';
import { renderHardware, renderSystem } from './machine-facts.ts';
import { pageOf } from './parts.ts';
import { renderPower } from './power-part.ts';
import { renderResults } from './results-part.ts';
import { PAGE_STEPS_MAX, renderTimeline } from './timeline.ts';
import { codeIn, statusPill } from './values.ts';
import { EDIT_MACHINE, mayCall, type PageDefinition, type View } from './view.ts';
import { words } from './words.ts';
import { isWaiting, renderWork } from './work-part.ts';

/** The current page; `undefined` if neither a machine nor an event has this name or hardware address. */
export async function renderMachinePage(view: View): Promise<Html | undefined> {
  const wanted = view.path.machine ?? '';
  const mac = parseMac(wanted);
  const machine = mac === undefined ? await view.region.store.findMachine(wanted) : await ofMac(view.region, mac);
  if (machine !== undefined) return renderKnown(view, machine);
  return mac === undefined ? undefined : await renderStranger(view, mac);
}

const ofMac = async (region: Region, mac: MacAddress) => (await region.store.listMachines({ macs: [mac] }, 0, 1))[0];

const footerOf = (trace: string) => words.machine.onTheRack(trace);

async function renderKnown(view: View, machine: Machine) {
  const { region, nowMs } = view;
  const { systemId } = machine;
  const found = await region.store.listEvents({ machines: { systemIds: [systemId] }, limit: PAGE_STEPS_MAX });
  const isAtWork = statusRow(machine.status).failed !== undefined;
  return pageOf(view, {
    title: machineFqdn(machine),
    place: 'machines',
    isLive: true,
    main: html`
      <div id="head" class="head"><h1>${machineFqdn(machine)}</h1>${statusPill(machine.status)}</div>
      <div id="state"${isAtWork ? html` data-at-work` : nothing}>${stateOf(view, machine)}</div>
      <div id="actions">${buttonsOf(view, machine)}</div>
      <div id="cards" class="cards">${renderPower(view, machine)}${renderSystem(view, machine)}${await renderLogins(view, machine)}</div>
      <div id="results">${await renderResults(view, machine)}</div>
      <div id="hardware">${renderHardware(machine, nowMs)}</div>
      <div id="timeline"><h2>${words.values.events}</h2>${renderTimeline(found.map(shownTo(view.viewer)), nowMs)}</div>`,
    footer: footerOf(formatMac(machine.interfaces[0]?.mac ?? macAddress(0))),
  });
}

function stateOf(view: View, machine: Machine) {
  const { status } = machine;
  const reason = remarkSentence(machine.statusReason);
  const isBad = status.startsWith('failed') || status === 'broken' || status === 'missing';
  const text = isBad && reason === '' ? words.machine.noReason : reason;
  const tone = isBad ? 'red' : isWaiting(machine) ? 'amber' : '';
  const why =
    text === '' || (tone === '' && statusRow(status).failed !== undefined)
      ? ''
      : tone === ''
        ? html`<p class="soft">${codeIn(asSentence(text))}</p>`
        : html`<div class="alert ${tone}"><b>${words.values.state(status)}</b>${codeIn(asSentence(text))}</div>`;
  return html`${why}${renderWork(machine, view.nowMs)}`;
}

const linkOf = (machine: Machine, action: MachineAction) => {
  const tone = toneOf(action, machine);
  return html`<a class="button ${tone === 'danger' ? 'warn' : tone}" href="${actionPath(machine, action.name)}">${words.actions[action.name].label}</a>`;
};

function buttonsOf(view: View, machine: Machine) {
  const { viewer } = view;
  const actions = actionsFor(machine, viewer);
  const main = actions.filter(({ where }) => where === 'main');
  const first = main.toSorted((a, b) => weightOf(a, machine) - weightOf(b, machine));
  const edit = mayCall(viewer, EDIT_MACHINE)
    ? html`<a class="button plain" href="${machinePath(machine.systemId)}edit/">${words.forms.edit}</a>`
    : nothing;
  const rare = actions.filter(({ where }) => where === 'more').map((action) => linkOf(machine, action));
  const more = [debugButton(view, machine), ...rare].filter((link) => link !== nothing);
  const hidden =
    more.length === 0
      ? nothing
      : html`<details id="more" class="more"><summary>${words.machine.more}</summary><div class="buttons">${more}</div></details>`;
  const whose =
    main.length > 0 || machine.owner === undefined || machine.owner === viewer.username
      ? nothing
      : html`<p class="small">${words.machine.belongsTo(machine.owner)}</p>`;
  const lock =
    machine.isLocked === true ? html`<p class="small">${words.machine.locked(machine.systemId)}</p>` : nothing;
  return html`${lock}<div class="buttons">${first.map((action) => linkOf(machine, action))}${edit}${hidden}</div>${whose}`;
}

const weightOf = (action: MachineAction, machine: Machine) =>
  ({ primary: 0, plain: 1, danger: 2 })[toneOf(action, machine)];

async function renderStranger(view: View, mac: MacAddress) {
  const { region, nowMs } = view;
  const events = await region.store.listEvents({ machines: { macs: [mac] }, limit: PAGE_STEPS_MAX });
  if (events.length === 0) return undefined;
  const name = formatMac(mac);
  // The page's title already shows the hardware address.
  const own = events.map((event) => ({ ...event, stranger: undefined }));
  return pageOf(view, {
    title: name,
    place: 'machines',
    isLive: true,
    main: html`
      <div id="head" class="head"><h1 class="mono-head">${name}</h1><span class="pill grey">${words.machine.notEnlisted}</span></div>
      <div id="state"><div class="sheet note">${words.machine.stranger}</div></div>
      <div id="timeline">${renderTimeline(own, nowMs)}</div>`,
    footer: footerOf(name),
  });
}

export const MACHINE_PAGE: PageDefinition = {
  path: '/MAAS/machines/:machine/',
  access: 'user',
  render: renderMachinePage,
};
