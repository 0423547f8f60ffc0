// Actions on many machines: what will happen to which of them, the form, and then the progress with
// its result.
//
//   the list's form ── GET ──► preview ── POST ──► run (`many-runs.ts`) ──► its page, live
//
// 1. The preview's form names each machine: what comes to match the filters afterwards is not touched.
// 2. Whether a machine is left out is foreseen with what the index knows; the operation itself decides.

import { type Html, html, nothing } from '../../../ground/html.ts';
import { refuse } from '../../api/call/answer.ts';
import { parseTargetQuery } from '../../api/call/form-body.ts';
import { noUserText } from '../../api/people/sshkey-operations.ts';
import type { Machine } from '../../records/machine.ts';
import { hiddenField, renderForm } from '../frame/forms.ts';
import { renderFullPage, renderRefused } from '../frame/parts.ts';
import { codeIn } from '../frame/values.ts';
import { fieldValue, type Outcome, operate, type PageDefinition, queryValue, type View } from '../frame/view.ts';
import { words } from '../frame/words.ts';
import type { FormFields } from './action-forms.ts';
import {
  devicePath,
  formTone,
  isSwitched,
  MANY_OPERATIONS,
  MANY_PATH,
  type MachineAction,
  machinePath,
  offeredActions,
} from './machine-actions.ts';
import { getMachineIndex, type IndexedMachine } from './machine-index.ts';
import { choose, LIST_PATH, parseQuery, queryText } from './machine-query.ts';
import { getManyRuns, REFUSALS_MAX } from './many-runs.ts';
import { describePower } from './power-part.ts';

/** Names in sight; a click shows the others. */
const NAMES_SHOWN = 12;
/** Machines that stand for all others of the same state and power driver. */
const SPECIMENS_MAX = 20;

interface Preview {
  readonly action: MachineAction;
  /** The query of the list, to which the person returns. */
  readonly query: string;
  readonly isDevices: boolean;
  readonly able: readonly IndexedMachine[];
  /** By the reason why they are left out. */
  readonly leftOut: ReadonlyMap<string, readonly IndexedMachine[]>;
  readonly total: number;
}

const isSent = (view: View): boolean => view.form.has('machines');
const getFieldValue = (view: View, name: string): string =>
  isSent(view) ? fieldValue(view, name) : queryValue(view, name);

/** The machines that the person chose: by name in a sent form, else by ticks or by the list's query. */
function targetsIn(view: View, all: readonly IndexedMachine[], listQuery: string): readonly IndexedMachine[] {
  const query = parseQuery(parseTargetQuery(listQuery));
  const ofKind = all.filter(({ isDevice }) => isDevice === query.isDevices);
  const which = queryValue(view, 'which');
  if (!isSent(view) && which !== 'ticked') {
    const { machines } = choose(all, query, view.region);
    return which === 'all' ? machines : machines.slice((query.page - 1) * query.size, query.page * query.size);
  }
  const named = isSent(view) ? fieldValue(view, 'machines').split(' ') : (view.query.get('machine') ?? []);
  const wanted = new Set(named);
  return ofKind.filter(({ systemId }) => wanted.has(systemId));
}

async function buildPreview(view: View): Promise<Preview | undefined> {
  const query = getFieldValue(view, 'query');
  const { isDevices } = parseQuery(parseTargetQuery(query));
  const action = offeredActions(view.viewer, isDevices).find(({ name }) => name === getFieldValue(view, 'action'));
  if (action === undefined) return undefined;
  const index = getMachineIndex(view.region);
  index.expire();
  const targets = targetsIn(view, await index.list(), query);
  const judged = targets.map((machine) => ({ machine, why: action.leavesOut?.(machine, view.viewer) }));
  const leftOut = new Map<string, IndexedMachine[]>();
  for (const { machine, why } of judged)
    if (why !== undefined) leftOut.set(why, [...(leftOut.get(why) ?? []), machine]);
  const able = judged.flatMap(({ machine, why }) => (why === undefined ? [machine] : []));
  return { action, query, isDevices, able, leftOut, total: targets.length };
}

const formatListPath = (query: string): string => `${LIST_PATH}${queryText(parseQuery(parseTargetQuery(query)))}`;

/** One machine of each state and power driver, read from the store. */
async function chooseSpecimens(view: View, { able, isDevices }: Preview): Promise<readonly Machine[]> {
  const byKind = new Map(able.map((machine) => [`${machine.status} ${machine.powerType}`, machine.systemId]));
  const systemIds = [...byKind.values()].slice(0, SPECIMENS_MAX);
  return await view.region.store.listMachines({ systemIds, isDevice: isDevices }, 0, SPECIMENS_MAX);
}

function listBulkEffects(view: View, { action, able }: Preview, specimens: readonly Machine[]) {
  const isOne = able.length === 1;
  const texts = specimens.flatMap((machine) => {
    const power = { isSwitched: isSwitched(view.region, machine), isOff: describePower(view, machine).state === 'off' };
    return action.effects(isOne ? machine : { ...machine, hostname: '', domain: '' }, power);
  });
  return [...new Set(texts)];
}

async function renderBulkFields(
  view: View,
  { action, able }: Preview,
  specimens: readonly Machine[],
): Promise<FormFields> {
  // Deleting asks more about a machine that belongs to somebody.
  const used = specimens.find(({ owner }) => owner !== undefined);
  const specimen = used ?? specimens[0];
  if (specimen === undefined) return nothing;
  const isOfMany = able.length > 1;
  return await action.form.fields(view, isOfMany ? { ...specimen, facts: undefined } : specimen, isOfMany);
}

function renderMachineNames(machines: readonly IndexedMachine[], id: string, isDevices: boolean) {
  const nameOf = ({ systemId, hostname }: IndexedMachine) =>
    html`<li><a href="${isDevices ? devicePath(systemId) : machinePath(systemId)}">${hostname}</a></li>`;
  const [first, rest] = [machines.slice(0, NAMES_SHOWN), machines.slice(NAMES_SHOWN)];
  const more =
    rest.length === 0
      ? nothing
      : html`<details class="words" id="${id}"><summary>${words.values.andMore(rest.length)}</summary><ul class="names">${rest.map(nameOf)}</ul></details>`;
  return html`<ul class="names">${first.map(nameOf)}</ul>${more}`;
}

function leftOutSheet({ leftOut, able, total, isDevices }: Preview) {
  if (leftOut.size === 0) return nothing;
  const groups = [...leftOut].map(
    ([why, machines], index) =>
      html`<li><b>${words.many.reason(machines.length, why)}</b>${renderMachineNames(machines, `out-${index}`, isDevices)}</li>`,
  );
  return html`<h2>${words.many.excluded(total - able.length)}</h2><div class="sheet narrow"><ul class="groups">${groups}</ul></div>`;
}

async function renderPreview(view: View): Promise<Html> {
  const preview = await buildPreview(view);
  const back = formatListPath(getFieldValue(view, 'query'));
  if (preview === undefined) return renderRefused(view, words.many.noAction, back);
  const { action, able, query, isDevices, total } = preview;
  if (total === 0) return renderRefused(view, words.many.nothingTicked, back);
  const heading = isDevices ? words.many.headingOfDevices : words.many.heading;
  const { label } = action.texts();
  const title = heading(label, able.length);
  const specimens = await chooseSpecimens(view, preview);
  const body = html`${[
    hiddenField('action', action.name),
    hiddenField('query', query),
    hiddenField('machines', able.map(({ systemId }) => systemId).join(' ')),
  ]}${await renderBulkFields(view, preview, specimens)}`;
  const effects = listBulkEffects(view, preview, specimens).map((text) => html`<li>${text}</li>`);
  const some = able.length === total ? nothing : html`<p class="lead">${words.many.some(able.length, total)}</p>`;
  const submit = words.many.submit(label, able.length);
  const form =
    able.length === 0
      ? html`<p class="lead">${words.many.noneLeft}</p><div class="card-foot"><a class="button plain" href="${back}">${words.many.run.back}</a></div>`
      : html`${some}<h2 class="lead">${words.many.each}</h2><ul class="effects" aria-label="${words.many.each}">${effects}</ul>${renderForm(view, { to: MANY_PATH, body, submit, tone: formTone(action), back })}`;
  const included =
    able.length === 0
      ? nothing
      : html`<h2>${words.many.included(able.length)}</h2><div class="sheet narrow note">${renderMachineNames(able, 'in', isDevices)}</div>`;
  return renderFullPage(view, {
    title,
    place: 'machines',
    main: html`<div class="bar"><h1>${title}</h1></div><div class="sheet narrow">${form}</div>${leftOutSheet(preview)}${included}`,
  });
}

async function runBulkAction(view: View): Promise<Outcome> {
  const preview = await buildPreview(view);
  if (preview === undefined) return refuse('bad-request', words.many.noAction);
  const { action, able, query } = preview;
  const [first] = able;
  if (first === undefined) return refuse('bad-request', words.many.noneLeft);
  const values = await action.form.values(view, first);
  const run = getManyRuns(view.region).start(
    { username: view.viewer.username, label: action.texts().label, query },
    able,
    async ({ systemId }) => {
      // A long run must not keep rights that its user lost meanwhile.
      const { username } = view.viewer;
      const user = await view.region.store.accounts.findUser(username);
      if (user === undefined) return refuse('not-found', noUserText(username, undefined));
      const viewer = { ...view.viewer, isAdmin: user.isAdmin };
      const own = 'system_id' in values ? { ...values, system_id: systemId } : values;
      return operate({ ...view, viewer }, action.operation, { system_id: systemId }, own);
    },
  );
  if (run === undefined) return refuse('rate-limit', words.many.tooMany);
  return { kind: 'done', to: `${MANY_PATH}${run.id}/`, text: '' };
}

function renderRun(view: View): Html {
  const texts = words.many.run;
  const run = getManyRuns(view.region).find(view.path.run ?? '', view.viewer.username);
  if (run === undefined) return renderRefused(view, texts.unknown, LIST_PATH);
  const { label, total, done, refused, refusals, state } = run;
  const isUnder = state === 'under way';
  const ended = done + refused;
  const items = refusals.map(
    ({ machine, why }) =>
      html`<div class="list-item"><div><a class="name" href="${machinePath(machine.systemId)}">${machine.hostname}</a><div class="why">${codeIn(why)}</div></div></div>`,
  );
  const more =
    refused > REFUSALS_MAX ? html`<p class="note small">${texts.refusedMore(refused - REFUSALS_MAX)}</p>` : nothing;
  const list =
    items.length === 0
      ? nothing
      : html`<h2>${texts.refused(refused)}</h2><div class="sheet narrow">${items}${more}</div>`;
  const alert = state === 'broken' ? html`<div class="alert red" role="alert">${texts.broken}</div>` : nothing;
  const title = texts.title(label);
  const bar = html`<progress max="${total}" value="${ended}" aria-label="${title}"></progress>`;
  return renderFullPage(view, {
    title,
    place: 'machines',
    isLive: isUnder,
    main: html`
      <div id="run-head" class="bar"><h1>${label}</h1></div>
      <div id="run"${isUnder ? html` data-at-work` : nothing}>${alert}<div class="sheet narrow work"><div class="line"><b>${texts.under(ended, total)}</b>
      <span>${texts.ended(done)}${refused === 0 ? '' : ` · ${texts.refused(refused)}`}</span></div>${bar}
      <p class="small">${isUnder ? texts.stays : ''}</p><div class="buttons"><a class="button plain" href="${formatListPath(run.query)}">${texts.back}</a></div></div>${list}</div>`,
  });
}

export const MANY_PAGES: readonly PageDefinition[] = [
  { path: MANY_PATH, access: 'user', render: renderPreview, act: runBulkAction, operations: MANY_OPERATIONS },
  { path: `${MANY_PATH}:run/`, access: 'user', render: renderRun },
];
