// The names of the power drivers. Tables with a row for each driver are typed by them, so that the
// compiler demands the rows of a new one. The head of `power/drivers.ts` lists the steps to add
// one.

/** The `power_type` of every driver, in display order. */
export const POWER_DRIVER_NAMES = ['manual', 'wakeonlan', 'ipmi', 'redfish', 'virsh', 'webhook', 'command'] as const;
export type PowerDriverName = (typeof POWER_DRIVER_NAMES)[number];
