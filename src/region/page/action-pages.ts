// The forms of the actions on one machine: the effects, the choices and the reason.
//
// 1. A form sends the parameters of its API operation; nothing is decided here.
// 2. User data is entered as plain text and sent in base64, as the operation expects.

import { type Html, html, nothing } from '../../html.ts';
import { formatSize } from '../../quantity.ts';
import { ONLY_ADMINISTRATORS, refuse } from '../api/call/answer.ts';
import { refuseCommand } from '../life/commands.ts';
import type { Machine } from '../records/machine.ts';
import type { ScriptKind } from '../records/script-store.ts';
import { runsUnasked } from '../scripts/script-run.ts';
import { addressField, deployFields, deployValues } from './deploy-form.ts';
import { checkField, choiceOf, formOf, radioField, textField } from './forms.ts';
import {
  actionsFor,
  actorOf,
  effectTexts,
  isSwitched,
  MACHINE_ACTIONS,
  type MachineAction,
  machinePath,
} from './machine-actions.ts';
import { pageOf, renderRefused } from './parts.ts';
import { powerOf } from './power-part.ts';
import {
  findMachine,
  given,
  mayCall,
  operate,
  outcomeOf,
  type PageDefinition,
  refusalText,
  type View,
} from './view.ts';
import { words } from './words.ts';

const COMMENT_MAX = 255;

function findAction(view: View) {
  return MACHINE_ACTIONS.find(({ name }) => name === view.path.action);
}

/** @param isOfMany true for a machine that stands for several */
export async function actionFields(
  view: View,
  machine: Machine,
  action: MachineAction,
  isOfMany = false,
): Promise<Html> {
  const { commissioning, disks } = words.actionForms;
  switch (action.name) {
    case 'accept':
      return radioField(view, {
        name: 'skip_commissioning',
        label: commissioning.label,
        value: 'false',
        choices: [choiceOf('false', commissioning.commission), choiceOf('true', commissioning.skip)],
      });
    case 'allocate':
      return isOfMany ? nothing : addressField(view);
    case 'deploy':
      return deployFields(view, machine, isOfMany);
    case 'test':
    case 'commission':
      return await scriptFields(view, action.name === 'test' ? 'testing' : 'commissioning');
    case 'release':
      return radioField(view, {
        name: 'erase',
        label: disks.label,
        value: 'none',
        choices: [
          choiceOf('none', disks.keep),
          choiceOf('quick', disks.quick),
          choiceOf('all', disks.full(sizeOf(machine))),
        ],
      });
    case 'delete':
      return forceField(view, machine);
    default:
      return nothing;
  }
}

function forceField(view: View, { owner }: Machine) {
  if (owner === undefined) return nothing;
  const { label, owned } = words.actionForms.force;
  return checkField(view, { name: 'force', label, hint: owned(owner) });
}

function sizeOf({ facts }: Machine) {
  const bytes = (facts?.disks ?? []).reduce((sum, disk) => sum + disk.bytes, 0);
  return bytes === 0 ? '' : formatSize(bytes);
}

async function scriptFields(view: View, kind: ScriptKind) {
  const scripts = await view.region.store.scripts.listScripts(kind);
  if (scripts.length === 0) return nothing;
  const chosen = view.refusal === undefined ? undefined : new Set(view.given.get('scripts') ?? []);
  const items = scripts.map(
    ({ name, title, description, tags, isDestructive }) =>
      html`<label class="choice"><input type="checkbox" name="scripts" value="${name}"${(chosen?.has(name) ?? runsUnasked({ tags, isDestructive })) ? html` checked` : nothing}>
      <span><b>${name}</b><span class="soft">${[title === '' ? description : title, isDestructive ? words.scripts.destructive : ''].filter(Boolean).join(' · ')}</span></span></label>`,
  );
  return html`<fieldset class="field"><legend>${words.actionForms.scripts}</legend>${items}</fieldset>`;
}

/** The sent form as parameters of the action's operation. */
export async function actionValues(
  view: View,
  machine: Pick<Machine, 'systemId'>,
  action: MachineAction,
): Promise<Record<string, string | readonly string[] | undefined>> {
  const comment = given(view, 'comment');
  const reason = comment === '' ? {} : { comment };
  switch (action.name) {
    case 'accept':
      return { ...reason, skip_commissioning: given(view, 'skip_commissioning') };
    case 'allocate':
      return { ...reason, system_id: machine.systemId, ip_address: given(view, 'ip_address') || undefined };
    case 'deploy':
      return { ...reason, ...deployValues(view) };
    case 'test':
    case 'commission': {
      const kind = action.name === 'test' ? 'testing' : 'commissioning';
      if ((await view.region.store.scripts.listScripts(kind)).length === 0) return reason;
      const chosen = view.given.get('scripts') ?? [];
      return { ...reason, [`${kind}_scripts`]: chosen.length === 0 ? 'none' : chosen };
    }
    case 'release': {
      const erase = given(view, 'erase');
      if (erase !== 'quick' && erase !== 'all') return reason;
      return { ...reason, erase: 'true', ...(erase === 'quick' ? { quick_erase: 'true' } : {}) };
    }
    case 'delete':
      return { force: given(view, 'force') || 'false' };
    default:
      return reason;
  }
}

function whyNot({ viewer }: View, machine: Machine, { name, operation }: MachineAction) {
  const refused = name === 'delete' ? undefined : refuseCommand(machine, name, actorOf(viewer));
  if (refused !== undefined) return refused.text;
  return mayCall(viewer, operation)
    ? words.actionForms.impossible(machine.hostname, words.actions[name].label)
    : refusalText(refuse('not-allowed', ONLY_ADMINISTRATORS));
}

export const reasonField = (view: View): Html =>
  textField(view, { name: 'comment', ...words.forms.reason, charactersMax: COMMENT_MAX });

async function render(view: View) {
  const action = findAction(view);
  const machine = await findMachine(view);
  if (action === undefined || machine === undefined) return undefined;
  const back = machinePath(machine.systemId);
  const isPossible = actionsFor(machine, view.viewer).includes(action);
  const { label, heading } = words.actions[action.name];
  if (!isPossible && view.refusal === undefined) return renderRefused(view, whyNot(view, machine, action), back);
  const power = { isSwitched: isSwitched(view.region, machine), isOff: powerOf(view, machine).state === 'off' };
  const effects = effectTexts(action, machine, power).map((text) => html`<li>${text}</li>`);
  const comment = action.name === 'delete' ? nothing : reasonField(view);
  const title = heading(machine.hostname);
  return pageOf(view, {
    title,
    place: 'machines',
    main: html`
      <div class="bar"><h1>${title}</h1></div>
      <div class="sheet narrow"><ul class="effects">${effects}</ul>
      ${formOf(view, {
        body: [await actionFields(view, machine, action), comment],
        submit: label,
        tone: action.tone === 'danger' ? 'danger' : 'primary',
        back,
      })}</div>`,
  });
}

async function act(view: View) {
  const action = findAction(view);
  const machine = await findMachine(view);
  if (action === undefined || machine === undefined) return undefined;
  const { systemId, hostname } = machine;
  const values = await actionValues(view, machine, action);
  const answer = await operate(view, action.operation, { system_id: systemId }, values);
  const to = action.name === 'delete' ? '/MAAS/machines/' : machinePath(systemId);
  return outcomeOf(answer, to, words.actionForms.accepted(hostname, words.actions[action.name].done));
}

export const ACTION_PAGES: readonly PageDefinition[] = [
  {
    path: '/MAAS/machines/:machine/do/:action/',
    access: 'user',
    render,
    act,
    operations: MACHINE_ACTIONS.map(({ operation }) => operation),
  },
];
