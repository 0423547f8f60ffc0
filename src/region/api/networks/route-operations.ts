// Static routes: from one subnet to another, through a router of the first.
//
// Sources: MAAS API 2.0, `static-routes/`; RFC 3442 (option 121), by which racks hand the routes of
// a served subnet to its machines.
//
// 1. The store has the routes. They are rendered as option 121 of the source subnet's cluster
//    interfaces, without the metric, for which the option has no field. A rack adds the default route through
//    its router (RFC 3442: clients of option 121 ignore the router option). Deployed machines get
//    the routes with the metric in the files of their network (`layout/network-config.ts`).
// 2. The address of a route's router is given to no machine, as that of a subnet's router.
// 3. Where a rack's file has the cluster interface of the source, option 121 is written in that
//    file, so the change is refused with the file and the key.

import { z } from 'zod';
import { formatIpv4, networkContains } from '../../../ground/address.ts';
import { findBar, indexOwners } from '../../networks/address-owners.ts';
import type { NetworkView, SubnetView } from '../../networks/network-view.ts';
import type { NetworkDraft, WantedChange } from '../../networks/networks.ts';
import { addressBarText } from '../../networks/range-check.ts';
import { withoutOption } from '../../networks/service-form.ts';
import { ROUTES_OPTION } from '../../racks/cluster-interface.ts';
import type { StaticRoute } from '../../records/network-store.ts';
import { REQUIRED } from '../../records/refusal.ts';
import type { SubnetService } from '../../records/subnet-service.ts';
import { type Answer, combineOrRefuse, isRefusal, type Refusal, refuseField } from '../call/answer.ts';
import { type ApiCall, ipv4Field, nothing, type Operation, resource } from '../call/operation.ts';
import { routeJson } from '../json/subnet-json.ts';
import {
  absent,
  countField,
  findSubnet,
  makeChange,
  networkIdIn,
  networkObjects,
  noSubnetText,
  serviceRows,
  subnetOutsideText,
  textField,
} from './network-calls.ts';

const METRIC_MAX = 0xffff_ffff;

const changedRoute = z.object({
  source: textField.optional().describe('The subnet of the machines that get the route: its id or network.'),
  destination: textField.optional().describe('The subnet that it leads to: its id or network.'),
  gateway_ip: ipv4Field.optional().describe('The router, an address of the source.'),
  metric: countField
    .refine((metric) => metric <= METRIC_MAX, 'Give 0 to 4294967295.')
    .optional()
    .describe(
      'Deployed machines prefer the lowest. Leases have the routes in this order, without metrics. Default: 0.',
    ),
});
const newRoute = changedRoute.required({ source: true, destination: true, gateway_ip: true });
type Given = z.output<typeof changedRoute>;

const staticRoutes = networkObjects<StaticRoute>({
  all: ({ records }) => records.routes,
  idOf: ({ id }) => id,
  find: ({ records }, { id: named }) => records.routes.find(({ id }) => id === networkIdIn(named)),
  notFound: ({ id }) => absent('static route', id),
  render: () => routeJson,
});

function readRoute(
  view: NetworkView,
  given: Given,
  id: number,
  before: StaticRoute | undefined,
): StaticRoute | Refusal {
  const subnetIn = (field: 'source' | 'destination', former: number | undefined): SubnetView | Refusal => {
    const text = given[field] ?? String(former);
    return findSubnet(view, text) ?? refuseField(field, noSubnetText(text.slice(0, 64)));
  };
  const checked = combineOrRefuse(
    subnetIn('source', before?.sourceId),
    subnetIn('destination', before?.destinationId),
    given.gateway_ip ?? before?.gateway ?? refuseField('gateway_ip', REQUIRED),
  );
  if (isRefusal(checked)) return checked;
  const [source, destination, gateway] = checked;
  if (source.subnet.id === destination.subnet.id)
    return refuseField('destination', 'Source and destination are the same subnet.');
  if (!networkContains(source.network, gateway))
    return refuseField('gateway_ip', subnetOutsideText(source.subnet.cidr));
  const [sourceId, destinationId] = [source.subnet.id, destination.subnet.id];
  if (gateway !== before?.gateway) {
    const blockingOwner = findBar(indexOwners(view).at(gateway), { kind: 'route' });
    if (blockingOwner !== undefined) return refuseField('gateway_ip', addressBarText(blockingOwner));
  }
  const isTaken = view.records.routes.some(
    (other) =>
      other.id !== id &&
      other.sourceId === sourceId &&
      other.destinationId === destinationId &&
      other.gateway === gateway,
  );
  if (isTaken) return refuseField('gateway_ip', `This route through ${formatIpv4(gateway)} exists already.`);
  return { id, sourceId, destinationId, gateway, metric: given.metric ?? before?.metric ?? 0 };
}

/** The cluster interfaces of these subnets, without an option 121 of their own. */
function withoutOwnRouteOption(view: NetworkDraft, sourceIds: readonly number[]): readonly SubnetService[] | Refusal {
  const sources = view.subnets.filter(({ subnet }) => sourceIds.includes(subnet.id));
  const rows = serviceRows(
    view,
    sources.flatMap(({ served }) => served),
  );
  return isRefusal(rows) ? rows : rows.map((row) => withoutOption(row, ROUTES_OPTION));
}

const routeTitle = (view: NetworkView, { sourceId, destinationId, gateway }: StaticRoute): string => {
  const cidr = (id: number): string => view.subnets.find(({ subnet }) => subnet.id === id)?.subnet.cidr ?? '';
  return [cidr(sourceId), formatIpv4(gateway), cidr(destinationId)].join(' → ');
};

function routeChange(
  view: NetworkDraft,
  given: Given,
  id: number,
  before: StaticRoute | undefined,
): WantedChange | Refusal {
  const route = readRoute(view, given, id, before);
  if ('kind' in route) return route;
  const services = withoutOwnRouteOption(view, [route.sourceId, before?.sourceId ?? route.sourceId]);
  if (isRefusal(services)) return services;
  return makeChange(before === undefined ? 'added' : 'changed', 'static route', routeTitle(view, route), id, {
    put: { routes: [route], services },
  });
}

const routerRange = ({ gateway_ip: router }: Given) => router && { low: router, high: router };

const addRoute = (call: ApiCall, input: Given): Promise<Answer> =>
  staticRoutes.store(call, (view) => routeChange(view, input, view.nextId, undefined), routerRange(input));

const amendRoute = (call: ApiCall, input: Given): Promise<Answer> =>
  staticRoutes.changeOne(call, (before, view) => routeChange(view, input, before.id, before), routerRange(input));

const removeRoute = (call: ApiCall): Promise<Answer> =>
  staticRoutes.changeOne(call, (before, view) => {
    const { id, sourceId } = before;
    const services = withoutOwnRouteOption(view, [sourceId]);
    if (isRefusal(services)) return services;
    return makeChange('removed', 'static route', routeTitle(view, before), id, {
      put: { services },
      remove: { routes: [id] },
    });
  });

const base = { versions: ['2.0'], ownTransaction: true } as const;
const routes = { ...base, path: 'static-routes', handler: 'StaticRoutesHandler' } as const;
const route = { ...base, path: 'static-routes/{id}', handler: 'StaticRouteHandler' } as const;

export const ROUTE_OPERATIONS: readonly Operation[] = [
  ...resource({
    many: routes,
    one: route,
    answers: 'staticRoute',
    list: ['List the static routes.', nothing, staticRoutes.list],
    add: [
      'Create a static route. Racks that serve the source hand it out at once; machines deployed later in the source have it.',
      newRoute,
      addRoute,
    ],
    read: ['Read a static route.', nothing, staticRoutes.read],
    change: ['Change a static route.', changedRoute, amendRoute],
    remove: ['Delete a static route.', nothing, removeRoute],
  }),
];
