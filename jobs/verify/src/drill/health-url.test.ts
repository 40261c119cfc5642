import { expect, it } from "vitest";
import { aliasesOf } from "./drilling.ts";
import { forDrill } from "./health-url.ts";

it.for([
  ["http://erlmcp:9090/health", "http://erlmcp:9090/health"],
  ["http://localhost:9090/health?a=b", "http://erlmcp-drill-application:9090/health?a=b"],
  ["https://10.0.0.7/health", "https://erlmcp-drill-application/health"],
  ["http://[::1]:8080/", "http://erlmcp-drill-application:8080/"],
] as const)("asks for %s at %s", ([url, meant]) => {
  expect(forDrill(url)?.href).toBe(meant);
});

it("gives a container all names that it was known by, and no address", () => {
  const place = { name: "app-1", service: "app", hostname: "app" };
  expect(aliasesOf(place, "node@app.example.com")).toEqual(["app-1", "app", "app.example.com"]);
  expect(aliasesOf({ ...place, service: null, hostname: "" }, "node@10.0.0.7")).toEqual(["app-1"]);
});
