// The first section of a machine's page at /MAAS/machines/SYSTEM-ID/: its state, what it waits for
// and the remedy, actions, power, what it is used for, and its last events of importance. A host
// that is not enlisted has a page under its hardware address.
//
// 1. Power parameters are not shown: they contain passwords.
// 2. Each part has an id, so the browser refreshes it separately.

import { formatMac, type MacAddress, mac as macAddress, parseMac } from '../../../ground/address.ts';
import { asSentence } from '../../../ground/counted.ts';
import { type Html, html, nothing } from '../../../ground/html.ts';
import { maySwitch } from '../../life/power-life.ts';
import { shownTo } from '../../records/events.ts';
import { statusRow } from '../../records/lifecycle.ts';
import type { Machine } from '../../records/machine.ts';
import type { MachineEvent } from '../../records/machine-event.ts';
import { isProblem, isWork } from '../../records/machine-search.ts';
import { mayOpen, renderFullPage } from '../frame/parts.ts';
import { codeIn, copyable, remarkText } from '../frame/values.ts';
import { EDIT_MACHINE, mayCall, type PageDefinition, type View } from '../frame/view.ts';
import { words } from '../frame/words.ts';
import { renderBoots } from './boot-page.ts';
import { DEVICE_PAGE } from './device-page.ts';
import { IDENTITY_PAGE, identityPath } from './identity-page.ts';
import { BOOT_COLOURS, findFailedBoots } from './last-boot.ts';
import { debugButton, renderLogins } from './logins-part.ts';
import { actionsFor, isSwitched, MANY_PATH, machinePath } from './machine-actions.ts';
import { renderSystem } from './machine-facts.ts';
import { findAddressed, mainLinks, renderActionLink, renderMachineSection, sectionPath } from './machine-frame.ts';
import { renderPower } from './power-part.ts';
import { LEAVE_PROFILE, leaveProfile, renderProfile } from './profile-pages.ts';
import { eventLine, PAGE_STEPS_MAX, renderTimeline } from './timeline.ts';
import type { BootVerdict } from './waterfall.ts';
import { isWorkWaiting, renderWork, workNotes } from './work-part.ts';

/** The most events on the first section. */
const RECENT_MAX = 6;

/** The current page; `undefined` if neither a machine nor an event has this name or hardware address. */
export async function renderMachinePage(view: View): Promise<Html | undefined> {
  const machine = await findAddressed(view);
  if (machine?.device !== undefined) return DEVICE_PAGE.render({ ...view, path: { id: machine.systemId } });
  if (machine !== undefined) return renderKnown(view, machine);
  const mac = parseMac(view.path.machine ?? '');
  return mac === undefined ? undefined : await renderStranger(view, mac);
}

const formatTraceNote = (trace: string) => words.machine.onTheRack(trace);

async function renderKnown(view: View, machine: Machine) {
  const { region } = view;
  const machines = { systemIds: [machine.systemId] };
  const events = await region.store.listEvents({ machines, isQuiet: true, limit: RECENT_MAX });
  const failed = await findFailedBoots(view, [machine]);
  const isAtWork = statusRow(machine.status).failed !== undefined;
  return renderMachineSection(view, machine, {
    section: '',
    main: html`
      <div id="state"${isAtWork ? html` data-at-work` : nothing}>${renderMachineState(view, machine, failed.get(machine.systemId))}</div>
      <div id="profile">${renderProfile(view, machine)}</div>
      <div id="actions">${renderMachineButtons(view, machine)}</div>
      <div id="cards" class="cards">${renderSystem(view, machine)}${renderPower(view, machine)}${await renderLogins(view, machine)}</div>
      <div id="recent"><div class="bar"><h2>${words.machine.recent}</h2><a href="${sectionPath(machine.systemId, 'events')}">${words.machine.allEvents}</a></div>
      ${renderRecent(view, events.map(shownTo(view.viewer)), machine)}</div>`,
    footer: formatTraceNote(formatMac(machine.interfaces[0]?.mac ?? macAddress(0))),
  });
}

function renderRecent(view: View, events: readonly MachineEvent[], { systemId }: Machine) {
  if (events.length === 0) return html`<div class="sheet empty soft">${words.values.noEvents}</div>`;
  return html`<div class="sheet"><ol class="steps">${events.map((event) => eventLine(event, view.nowMs, sectionPath(systemId, 'events')))}</ol></div>`;
}

function renderMachineState(view: View, machine: Machine, boot: BootVerdict | undefined) {
  const { status } = machine;
  const reason = remarkText(machine.statusReason);
  const isBad = isProblem(status);
  const text = isBad && reason === '' ? words.machine.noReason : reason;
  const tone = isBad ? 'red' : isWorkWaiting(machine) ? 'amber' : '';
  if (tone === '' && boot !== undefined) return failedBoot(view, machine, boot);
  const why =
    text === '' || (tone === '' && statusRow(status).failed !== undefined)
      ? ''
      : tone === ''
        ? html`<p class="soft">${codeIn(asSentence(text))}</p>`
        : html`<div class="alert ${tone}"><b>${words.values.state(status)}</b>${codeIn(asSentence(text))}${isBad ? renderBootProblem(reason, boot) : nothing}${renderRemedy(view, machine)}</div>`;
  return html`${why}${renderWork(machine, view.nowMs)}`;
}

function failedBoot({ nowMs }: View, machine: Machine, { kind, why }: BootVerdict) {
  const notes = isWork(machine.status) ? workNotes(machine, nowMs) : '';
  return html`
    <div class="alert ${BOOT_COLOURS[kind]}"><b>${words.boots.heads[kind]}</b>${codeIn(asSentence(why))}
    <p class="remedy"><a href="${sectionPath(machine.systemId, 'boot')}">${words.boots.see}</a> <span class="soft">${notes}</span></p></div>`;
}

/** What the last boot of a machine with a problem adds to the reason of its state. */
const renderBootProblem = (reason: string, boot: BootVerdict | undefined) =>
  boot === undefined || boot.isByStateOnly === true || reason.includes(boot.why)
    ? nothing
    : html`<p class="remedy">${words.boots.lastBoot} ${codeIn(boot.why)}</p>`;

/** What a person can do about the state; empty if the buttons say it. */
function renderRemedy(view: View, machine: Machine): Html {
  const { status, statusReason, systemId } = machine;
  const { remedies } = words.machine;
  const isByHand = !isSwitched(view.region, machine);
  if (isWorkWaiting(machine)) {
    const way =
      isByHand && mayCall(view.viewer, EDIT_MACHINE)
        ? html` <a href="${machinePath(systemId)}power/">${remedies.chooseDriver}</a>`
        : nothing;
    const text = statusReason?.code === 'waits-for-restart' ? remedies.restart : remedies.switchOn;
    return html`<p class="remedy">${text}${way}</p>`;
  }
  if (status === 'broken') return html`<p class="remedy">${remedies.broken}</p>`;
  if (status === 'missing') return html`<p class="remedy">${remedies.missing}</p>`;
  const scripts = machine.runs?.[status === 'failed-testing' ? 'testing' : 'commissioning'];
  const isOfScripts = scripts?.status === 'failed' || scripts?.status === 'timed-out';
  const [section, label] = isOfScripts
    ? (['scripts', remedies.seeScripts] as const)
    : (['boot', remedies.seeBoot] as const);
  return html`<p class="remedy"><a href="${sectionPath(systemId, section)}">${label}</a></p>`;
}

/** To the preview of unlocking it. */
function unlockLink({ viewer }: View, machine: Machine): Html {
  if (!maySwitch(machine, viewer)) return nothing;
  const query = new URLSearchParams({ which: 'ticked', action: 'unlock', query: '', machine: machine.systemId });
  return html`<a href="${`${MANY_PATH}?${query}`}">${words.many.locks.unlock}</a>`;
}

function renderMachineButtons(view: View, machine: Machine) {
  const { viewer } = view;
  const actions = actionsFor(machine, viewer);
  const main = mainLinks(machine, viewer);
  const edit = mayCall(viewer, EDIT_MACHINE)
    ? html`<a class="button plain" href="${machinePath(machine.systemId)}edit/">${words.forms.edit}</a>`
    : nothing;
  const rare = actions.filter(({ where }) => where === 'more').map((action) => renderActionLink(machine, action));
  const identity = mayOpen(viewer, IDENTITY_PAGE.access)
    ? html`<a class="button plain" href="${identityPath(machine.systemId)}">${words.identity.link}</a>`
    : nothing;
  const more = [debugButton(view, machine), identity, ...rare].filter((link) => link !== nothing);
  const hidden =
    more.length === 0
      ? nothing
      : html`<details id="more" class="more"><summary>${words.machine.more}</summary><div class="buttons">${more}</div></details>`;
  const whose =
    main.length > 0 || machine.owner === undefined || machine.owner === viewer.username
      ? nothing
      : html`<p class="small">${words.machine.belongsTo(machine.owner)}</p>`;
  const lock =
    machine.isLocked === true
      ? html`<p class="small">${words.machine.locked(machine.systemId)} ${unlockLink(view, machine)}</p>`
      : nothing;
  return html`${lock}<div class="buttons">${main}${edit}${hidden}</div>${whose}`;
}

async function renderStranger(view: View, mac: MacAddress) {
  const { region, nowMs } = view;
  const events = await region.store.listEvents({ machines: { macs: [mac] }, limit: PAGE_STEPS_MAX });
  if (events.length === 0) return undefined;
  const name = formatMac(mac);
  // The page's title already shows the hardware address.
  const own = events.map((event) => ({ ...event, stranger: undefined }));
  return renderFullPage(view, {
    title: name,
    place: 'machines',
    isLive: true,
    main: html`
      <div id="head" class="head"><h1 class="mono-head">${copyable(name)}</h1><span class="pill grey">${words.machine.notEnlisted}</span></div>
      <div id="state"><div class="sheet note">${words.machine.stranger}</div></div>
      <div id="boots">${renderBoots(view, own, { path: machinePath(name), log: machinePath(name) })}</div>
      <div id="timeline"><h2>${words.values.events}</h2>${renderTimeline(own, nowMs)}</div>`,
    footer: formatTraceNote(name),
  });
}

export const MACHINE_PAGE: PageDefinition = {
  path: '/MAAS/machines/:machine/',
  access: 'user',
  render: renderMachinePage,
  act: async (view) => {
    const machine = await findAddressed(view);
    return machine === undefined ? undefined : await leaveProfile(view, machine);
  },
  operations: [LEAVE_PROFILE],
};
