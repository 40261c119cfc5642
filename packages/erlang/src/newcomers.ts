import { captureDets } from "./capture-dets.ts";
import { captureEts } from "./capture-ets.ts";
import type { Capture } from "./capture-table.ts";
import { parseInventory } from "./inventory.ts";
import type { OpenNode } from "./node.ts";
import { planDets, planEts } from "./plan.ts";

/** Tables that appeared while the others were captured: each gets its verdict too. */
export async function captureNewcomers(capture: Capture, node: OpenNode): Promise<void> {
  const { session, inventory, settings } = node;
  const later = parseInventory(await session.request("inventory", {}));
  node.inventory = later; // the numbers of the tables are those of the last inventory
  const unlabelled = { ...settings, dets: [] };
  if (capture.component === "ets") {
    const known = new Set(planEts(inventory, settings).map((plan) => plan.name));
    const plans = planEts(later, settings).filter((plan) => !known.has(plan.name));
    if (plans.length > 0) await captureEts(capture, session, plans);
  } else {
    const known = new Set(planDets(inventory, settings).map((plan) => plan.name));
    const plans = planDets(later, unlabelled).filter((plan) => !known.has(plan.name));
    if (plans.length > 0) await captureDets(capture, session, plans);
  }
}
