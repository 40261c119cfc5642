#!/usr/bin/env escript
%% make_release.escript SOURCE EBIN OUT: writes EBIN/erlmcp_sample.app with the modules that were
%% compiled, OUT/erlmcp_sample.rel with the versions of whatever OTP runs this, and its boot script.
-mode(compile).

main([Source, Ebin, Out]) ->
    ok = write_app(Source, Ebin),
    true = code:add_patha(Ebin),
    Started = [version(App) || App <- [kernel, stdlib, sasl, crypto]],
    Mnesia = erlang:append_element(version(mnesia), load),
    Release =
        {release, {"erlmcp_sample", "1.0.0"}, {erts, erlang:system_info(version)},
            Started ++ [Mnesia, version(erlmcp_sample)]},
    Name = filename:join(Out, "erlmcp_sample"),
    ok = file:write_file(Name ++ ".rel", io_lib:format("~p.~n", [Release])),
    ok = systools:make_script(Name, [{path, [Ebin]}, local]).

%% In embedded mode only the modules named here are loaded.
write_app(Source, Ebin) ->
    {ok, [{application, Name, Facts}]} = file:consult(Source),
    Modules = [
        list_to_atom(filename:basename(Beam, ".beam"))
     || Beam <- filelib:wildcard(filename:join(Ebin, "*.beam"))
    ],
    App = {application, Name, lists:keystore(modules, 1, Facts, {modules, Modules})},
    file:write_file(filename:join(Ebin, "erlmcp_sample.app"), io_lib:format("~p.~n", [App])).

version(App) ->
    ok = load(App),
    {ok, Version} = application:get_key(App, vsn),
    {App, Version}.

load(App) ->
    case application:load(App) of
        ok -> ok;
        {error, {already_loaded, App}} -> ok
    end.
