// The pages of zones and of pools, which machines and racks are in.

import { html } from '../../../ground/html.ts';
import type { AreaKind } from '../../records/area.ts';
import { type ApiObject, getPropertyText, objectPages } from '../frame/object-pages.ts';
import type { PageDefinition, View } from '../frame/view.ts';
import { words } from '../frame/words.ts';

const getAreaId = (kind: AreaKind, object: ApiObject) =>
  Number(getPropertyText(object, 'id')) - (kind === 'zone' ? 1 : 0);

const countIn = (view: View, kind: AreaKind, object: ApiObject) => {
  const ids = [getAreaId(kind, object)];
  return view.region.store.countMachines({
    ...(kind === 'zone' ? { zoneIds: ids } : { poolIds: ids }),
    isDevice: 'either',
  });
};

const machinesLink = (kind: AreaKind, area: ApiObject) =>
  html`<a href="/MAAS/machines/?${kind}=${encodeURIComponent(getPropertyText(area, 'name'))}">${words.areas.machines}</a>`;

const defineAreaPages = (kind: AreaKind): readonly PageDefinition[] =>
  objectPages({
    path: kind === 'zone' ? '/MAAS/zones/' : '/MAAS/pools/',
    place: kind === 'zone' ? 'zones' : 'pools',
    many: kind === 'zone' ? 'zones' : 'resourcepools',
    one: kind === 'zone' ? 'zones/{name}' : 'resourcepool/{id}',
    words: () => words.areas[kind],
    nameOf: (area) => getPropertyText(area, 'name'),
    keyOf: (area) => getPropertyText(area, kind === 'zone' ? 'name' : 'id'),
    columns: () => [
      { label: words.forms.description, content: (area) => getPropertyText(area, 'description') },
      { label: words.machines.heading, content: (area) => machinesLink(kind, area) },
    ],
    add: () => ({}),
    change: (_view, area) => (getAreaId(kind, area) === 0 ? { only: ['description'] } : {}),
    async deletion(view, area) {
      if (getAreaId(kind, area) === 0) return { text: words.areas[kind].isDefault, isRefused: true };
      const count = await countIn(view, kind, area);
      return { text: words.areas[kind].loss(count), isRefused: kind === 'pool' && count > 0 };
    },
  });

export const AREA_PAGES: readonly PageDefinition[] = [...defineAreaPages('zone'), ...defineAreaPages('pool')];
