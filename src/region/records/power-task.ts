/**
 * Switch on, switch off at once, ask the system to shut down, switch off and on. If the machine
 * must boot from the network, the driver makes that its next boot device.
 */
export const POWER_TASKS = ['on', 'off', 'soft-off', 'cycle'] as const;
export type PowerTask = (typeof POWER_TASKS)[number];
