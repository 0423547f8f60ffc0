// The forms of actions on machines: for each its fields, and the parameters that it sends.
//
// 1. A form sends the parameters of its API operation; nothing is decided here.
// 2. User data is entered as plain text and sent in base64, as the operation expects.

import { type Html, html, nothing } from '../../../ground/html.ts';
import { formatSize } from '../../../ground/quantity.ts';
import type { Machine } from '../../records/machine.ts';
import type { CommandName } from '../../records/machine-commands.ts';
import type { ScriptKind } from '../../records/script-store.ts';
import { runsUnasked } from '../../scripts/script-run.ts';
import { buildChoice, checkField, radioField, textField } from '../frame/forms.ts';
import { collectFormValues, renderControls } from '../frame/operation-form.ts';
import { type PlaceField, placeChoices } from '../frame/place-choices.ts';
import { fieldValue, type View, type WantedOperation } from '../frame/view.ts';
import { words } from '../frame/words.ts';
import { addressField, deployFields, deployValues } from './deploy-form.ts';

const COMMENT_MAX = 255;

type Values = Readonly<Record<string, string | readonly string[] | undefined>>;

export type FormFields = Html | readonly Html[];

export interface ActionForm {
  /** @param isOfMany true for a machine that stands for several */
  readonly fields: (view: View, machine: Machine, isOfMany: boolean) => FormFields | Promise<FormFields>;
  /** The sent form as parameters of the operation. */
  readonly values: (view: View, machine: Pick<Machine, 'systemId'>) => Values | Promise<Values>;
}

export const NO_FIELDS: ActionForm = { fields: () => nothing, values: () => ({}) };

const explained = ({ fields, values }: ActionForm): ActionForm => ({
  async fields(view, machine, isOfMany) {
    const reason = textField(view, { name: 'comment', ...words.forms.reason, charactersMax: COMMENT_MAX });
    return html`${await fields(view, machine, isOfMany)}${reason}`;
  },
  values: async (view, machine) => ({
    comment: fieldValue(view, 'comment') || undefined,
    ...(await values(view, machine)),
  }),
});

const scriptsForm = (kind: ScriptKind): ActionForm => ({
  async fields(view) {
    const scripts = await view.region.store.scripts.listScripts(kind);
    if (scripts.length === 0) return nothing;
    const chosen = view.refusal === undefined ? undefined : new Set(view.form.get('scripts') ?? []);
    const items = scripts.map(
      ({ name, title, description, tags, isDestructive }) =>
        html`<label class="choice"><input type="checkbox" name="scripts" value="${name}"${(chosen?.has(name) ?? runsUnasked({ tags, isDestructive })) ? html` checked` : nothing}>
      <span><b>${name}</b><span class="soft">${[title === '' ? description : title, isDestructive ? words.scripts.destructive : ''].filter(Boolean).join(' · ')}</span></span></label>`,
    );
    return html`<fieldset class="field"><legend>${words.actionForms.scripts}</legend>${items}</fieldset>`;
  },
  async values(view) {
    if ((await view.region.store.scripts.listScripts(kind)).length === 0) return {};
    const chosen = view.form.get('scripts') ?? [];
    return { [`${kind}_scripts`]: chosen.length === 0 ? 'none' : chosen };
  },
});

function formatMachineSize({ facts }: Machine) {
  const bytes = (facts?.disks ?? []).reduce((sum, disk) => sum + disk.bytes, 0);
  return bytes === 0 ? '' : formatSize(bytes);
}

const FORMS: Readonly<Partial<Record<CommandName, ActionForm>>> = {
  accept: {
    fields(view) {
      const { label, commission, skip } = words.actionForms.commissioning;
      return radioField(view, {
        name: 'skip_commissioning',
        label,
        value: 'false',
        choices: [buildChoice('false', commission), buildChoice('true', skip)],
      });
    },
    values: (view) => ({ skip_commissioning: fieldValue(view, 'skip_commissioning') }),
  },
  allocate: {
    fields: (view, _machine, isOfMany) => (isOfMany ? nothing : addressField(view)),
    values: (view, { systemId }) => ({
      system_id: systemId,
      ip_address: fieldValue(view, 'ip_address') || undefined,
    }),
  },
  deploy: { fields: deployFields, values: deployValues },
  test: scriptsForm('testing'),
  commission: scriptsForm('commissioning'),
  release: {
    fields(view, machine) {
      const { label, keep, quick, full } = words.actionForms.disks;
      return radioField(view, {
        name: 'erase',
        label,
        value: 'none',
        choices: [
          buildChoice('none', keep),
          buildChoice('quick', quick),
          buildChoice('all', full(formatMachineSize(machine))),
        ],
      });
    },
    values(view) {
      const erase = fieldValue(view, 'erase');
      if (erase !== 'quick' && erase !== 'all') return {};
      return { erase: 'true', ...(erase === 'quick' ? { quick_erase: 'true' } : {}) };
    },
  },
};

export const commandForm = (name: CommandName): ActionForm => explained(FORMS[name] ?? NO_FIELDS);

export const LOCK_FORM: ActionForm = explained(NO_FIELDS);

export const DELETE_FORM: ActionForm = {
  /** Asks more about a machine that belongs to somebody. */
  fields(view, { owner }) {
    if (owner === undefined) return nothing;
    const { label, owned } = words.actionForms.force;
    return checkField(view, { name: 'force', label, hint: owned(owner) });
  },
  values: (view) => ({ force: fieldValue(view, 'force') || 'false' }),
};

/** How machines are switched off. */
export const POWER_OFF_FORM: ActionForm = {
  fields: (view) =>
    radioField(view, {
      name: 'manner',
      label: words.power.method,
      value: 'soft-off',
      choices: [buildChoice('soft-off', words.power.shutDown), buildChoice('off', words.power.cut)],
    }),
  values: (view) => ({ stop_mode: fieldValue(view, 'manner') === 'soft-off' ? 'soft' : 'hard' }),
};

export const placeForm = (operation: WantedOperation, field: PlaceField): ActionForm => ({
  fields: async (view) =>
    renderControls(view, operation, {
      only: [field],
      required: [field],
      hints: { [field]: '' },
      choices: await placeChoices(view),
    }),
  values: (view) => collectFormValues(view, operation, { only: [field] }),
});
