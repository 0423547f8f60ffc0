// The pages on which people add a machine by hand, or a device. A machine then gets its power
// driver, whose form is another page.

import { ARCHITECTURES } from '../../api/machines/enlistment-operations.ts';
import type { Choice } from '../frame/forms.ts';
import { addingPage, getPropertyText } from '../frame/object-pages.ts';
import { PLACE_FIELDS, placeChoices } from '../frame/place-choices.ts';
import { EDIT_MACHINE, mayCall, type PageDefinition, queryValue } from '../frame/view.ts';
import { words } from '../frame/words.ts';
import { devicePath, machinePath } from './machine-actions.ts';
import { DEVICES_LIST, LIST_PATH } from './machine-query.ts';

export const ADD_MACHINE_PATH = `${LIST_PATH}add/`;
export const ADD_DEVICE_PATH = `${LIST_PATH}add-device/`;

const ADD_MACHINE = addingPage({
  path: ADD_MACHINE_PATH,
  place: 'machines',
  operation: 'POST machines',
  words: () => words.adding.machine,
  async options(view) {
    const isAdmin = mayCall(view.viewer, EDIT_MACHINE);
    return {
      only: ['architecture', 'mac_addresses', 'hostname', ...(isAdmin ? PLACE_FIELDS : []), 'description'],
      choices: {
        ...(await placeChoices(view)),
        architecture: [...ARCHITECTURES].map((name): Choice => [`${name}/generic`, name]),
      },
      required: isAdmin ? PLACE_FIELDS : [],
      values: { architecture: 'amd64/generic' },
    };
  },
  // Its power driver, which commissioning needs, comes on the next page.
  fixed: { commission: 'false' },
  list: LIST_PATH,
  to(view, added) {
    const own = machinePath(getPropertyText(added, 'system_id'));
    return mayCall(view.viewer, EDIT_MACHINE) ? `${own}power/` : own;
  },
});

const ADD_DEVICE = addingPage({
  path: ADD_DEVICE_PATH,
  place: 'machines',
  operation: 'POST devices',
  words: () => words.adding.device,
  options: async (view) => ({
    only: ['mac_addresses', 'hostname', ...PLACE_FIELDS, 'parent', 'description'],
    choices: await placeChoices(view),
    required: PLACE_FIELDS,
    values: { parent: queryValue(view, 'parent') },
  }),
  list: DEVICES_LIST,
  to: (_view, added) => devicePath(getPropertyText(added, 'system_id')),
});

export const ADDING_PAGES: readonly PageDefinition[] = [ADD_MACHINE, ADD_DEVICE];
