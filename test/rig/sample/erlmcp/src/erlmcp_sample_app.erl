%% Starts Mnesia on a schema that is on disc, then the supervision tree.
%% Tables are created and filled by erlmcp_sample_loader, in the background, so that /health can
%% say "starting" meanwhile.
-module(erlmcp_sample_app).
-behaviour(application).

-export([start/2, stop/1]).

start(_Type, _Args) ->
    ok = erlmcp_sample_config:load(),
    ok = prepare_schema(),
    ok = mnesia:start(),
    erlmcp_sample_sup:start_link().

stop(_State) ->
    ok.

%% A node that joins a cluster starts with a schema in memory: the loader moves it to disc once the
%% other node has given its own. A fallback left by a restore must not meet a new schema.
prepare_schema() ->
    Dir = mnesia:system_info(directory),
    Known = lists:any(
        fun(File) -> filelib:is_regular(filename:join(Dir, File)) end,
        ["schema.DAT", "FALLBACK.BUP"]
    ),
    ok = application:set_env(erlmcp_sample, first_start, not Known),
    case Known orelse erlmcp_sample_config:get(join) =/= none of
        true -> ok;
        false -> mnesia:create_schema([node()])
    end.
